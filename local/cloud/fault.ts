/** An error body of Nova's, Cinder's and Rackspace's. */
export function fault(key: string, code: number, message: string) {
  return { [key]: { code, message } };
}
