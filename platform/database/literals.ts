const WORD = /^[a-z][a-z0-9_]*$/;

/**
 * A list of SQL literals in parentheses, to follow `in`, of constants of the program: the statement's text is the same on
 * every call, so that it can be prepared, and the planner sees which partial index it may use.
 *
 * @throws Error for anything but a lower-case word: values that come from outside are parameters
 */
export function literals(constants: readonly string[]): string {
  const odd = constants.find((constant) => !WORD.test(constant));
  if (odd !== undefined || constants.length === 0)
    throw new Error(`not a list of constants: ${odd ?? 'empty'}`);
  return `(${constants.map((constant) => `'${constant}'`).join(', ')})`;
}
