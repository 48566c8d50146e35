/** An error body as Nova, Cinder and Rackspace have it. */
export function fault(key: string, code: number, message: string) {
  return { [key]: { code, message } };
}
