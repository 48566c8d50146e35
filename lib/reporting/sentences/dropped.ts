import { acceptanceOf } from '../../audit/coverage/acceptance.ts';
import type { Dropped } from '../../audit/model.ts';
import { printableJson } from '../../openstack/printable.ts';
import { sentenceOf } from '../sentences.ts';
import type { Sentence } from './sentence.ts';

/** An item that has dropped out of coverage, with the event that accepts it. */
export function droppedText(dropped: Dropped): Sentence {
  const event = printableJson({ acceptDropped: acceptanceOf([dropped]) });
  return `${sentenceOf(dropped)}; correct that, or accept it: invoke audit with ${event}`;
}
