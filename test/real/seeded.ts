import { Chance } from '../simulation/chance.ts';

const { SEED = String(Math.floor(Math.random() * 1_000_000)) } = process.env;
console.log(`What happens by chance here happens again with SEED=${SEED}.`);

/** The random numbers of one test, the same for the same seed, whatever other tests run. */
export function seeded(): Chance {
  return new Chance(Number(SEED));
}
