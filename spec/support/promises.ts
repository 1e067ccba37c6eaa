/** What the promise of `work` is rejected with. */
export async function rejectionOf(work: () => Promise<unknown>): Promise<unknown> {
  try {
    await work();
  } catch (error) {
    return error;
  }
  throw new Error('expected an error');
}

/** A turn of the event loop: what is due by then has happened. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
