/** The items of several listings, each once: as the last listing that has it shows it. */
export function unionById<T extends { id: string }>(...listings: readonly (readonly T[])[]): T[] {
  return [...new Map(listings.flat().map((one) => [one.id, one])).values()];
}
