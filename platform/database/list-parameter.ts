/**
 * Parameter `$n` of a prepared statement, an array, as the planner sees it: of unknown length.
 *
 * PostgreSQL plans a prepared statement anew for each call while the plan for the values at hand looks cheaper than the one it
 * keeps. For a short list it always does, and planning then takes longer than the statement: half a millisecond of each in an
 * order's course. Of several lists that are unnested together the first is enough. Not for statements whose best plan depends
 * on how long the list is.
 */
export const listOf = (n: number, type: 'int' | 'text' | 'uuid'): string =>
  `(select $${n}::${type}[])::${type}[]`;
