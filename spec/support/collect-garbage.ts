import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Lets go of everything that nothing refers to, once the job that made it is over. */
export async function collectGarbage(): Promise<void> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  // What died while V8 was already marking survives the collection that ends that.
  for (let round = 0; round < COLLECTIONS; round++) {
    // A WeakRef keeps its target until the end of the job in which it was made; code that another thread compiles, until that is done.
    await new Promise<void>((resolve) => setTimeout(resolve, COMPILING_MS));
    collect();
  }
}

const COLLECTIONS = 3;
const COMPILING_MS = 20;

/** How many of the targets are still held by somebody. */
export function heldOf(refs: ReadonlyArray<WeakRef<object>>): number {
  return refs.filter((ref) => ref.deref() !== undefined).length;
}
