/**
 * Runs `run` on all subjects together and, where that throws, on the first half and then the second, until the subject that
 * fails stands alone. So one bad subject never stops the others, and n good ones cost no more than one call.
 *
 * `run` does all of its subjects or none (a transaction). Subjects keep their order. `failed` is told of each subject that
 * fails alone; what it throws ends the whole call.
 *
 * @param divides whether an error may be one subject's own; any other error ends the whole call. By default: every error.
 */
export async function runInHalves<Subject>(
  subjects: readonly Subject[],
  run: (subjects: readonly Subject[]) => Promise<void>,
  failed: (subject: Subject, error: unknown) => void | Promise<void>,
  divides: (error: unknown) => boolean = () => true,
): Promise<void> {
  const [first, ...others] = subjects;
  if (first === undefined) return;
  try {
    await run(subjects);
  } catch (error) {
    if (!divides(error)) throw error;
    if (others.length === 0) {
      await failed(first, error);
      return;
    }
    const middle = Math.ceil(subjects.length / 2);
    await runInHalves(subjects.slice(0, middle), run, failed, divides);
    await runInHalves(subjects.slice(middle), run, failed, divides);
  }
}
