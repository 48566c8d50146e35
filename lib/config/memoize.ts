/** Some megabytes. */
const MOST = 50_000;

/**
 * The same function, which remembers its answers: the same few questions are asked once for each of thousands of images.
 *
 * @param keyOf what tells one question from another.
 */
export function remembered<Question extends unknown[], Answer>(
  compute: (...question: Question) => Answer,
  keyOf: (...question: Question) => string | number,
): (...question: Question) => Answer {
  const answers = new Map<string | number, Answer>();
  return (...question) => {
    const key = keyOf(...question);
    const known = answers.get(key);
    if (known !== undefined || answers.has(key)) return known as Answer;
    if (answers.size >= MOST) answers.clear();
    const answer = compute(...question);
    answers.set(key, answer);
    return answer;
  };
}
