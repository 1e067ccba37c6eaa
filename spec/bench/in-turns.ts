/** Runs each subject once a round, in turns, so that what else the machine does falls on all of them; gives the results by subject. */
export async function inTurns<S extends string, R>(
  subjects: readonly S[],
  rounds: number,
  run: (subject: S) => Promise<R>,
): Promise<Readonly<Record<S, readonly R[]>>> {
  const results = Object.fromEntries(subjects.map((subject) => [subject, []])) as unknown as Record<S, R[]>;
  for (let round = 0; round < rounds; round++) for (const subject of subjects) results[subject].push(await run(subject));
  return results;
}
