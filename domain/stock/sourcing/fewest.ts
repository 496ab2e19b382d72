/** Up to so many places the fewest are found by trying all; of more, a set is chosen greedily. */
export const EXACT_UP_TO = 12;

export interface CoverInput {
  /** Units of each line. */
  wanted: readonly number[];
  /** Units that each place has of each line, not negative. */
  has: readonly (readonly number[])[];
  /** What is kept low between sets of equally many places: distances. */
  cost: readonly number[];
}

/**
 * The fewest places that together have of every line what is wanted, or else all that there is; quantities may be split. Between
 * sets of equally many the one of the lowest cost. Exact for `EXACT_UP_TO` places that have anything of it; of more a greedy choice,
 * which takes next what covers the most units (H(n) times the fewest at worst: V. Chvátal, 1979).
 *
 * @returns places by their index, ascending
 */
export function fewestPlaces({ wanted, has, cost }: CoverInput): number[] {
  const targets = wanted.map((units, line) => Math.min(units, sum(has.map((of) => of[line] ?? 0))));
  const useful = has.flatMap((of, place) =>
    targets.some((units, line) => units > 0 && (of[line] ?? 0) > 0) ? [place] : [],
  );
  const lines = targets.flatMap((units, line) => (units > 0 ? [line] : []));
  const problem: Problem = {
    places: useful.length,
    lines: lines.length,
    need: Int32Array.from(lines, (line) => targets[line] ?? 0),
    has: Int32Array.from(
      useful.flatMap((place) => lines.map((line) => Math.min(targets[line] ?? 0, has[place]?.[line] ?? 0))),
    ),
    cost: useful.map((place) => cost[place] ?? 0),
  };
  const greedy = greedyPlaces(problem);
  const chosen = useful.length <= EXACT_UP_TO ? exactPlaces(problem, greedy) : greedy;
  return chosen.flatMap((index) => useful[index] ?? []).sort((a, b) => a - b);
}

function sum(units: readonly number[]): number {
  return units.reduce((total, each) => total + each, 0);
}

/** Places that have something of the lines, and lines of which there is something. */
interface Problem {
  places: number;
  lines: number;
  need: Int32Array;
  /** By place and line: `place * lines + line`; at most what is needed. */
  has: Int32Array;
  cost: readonly number[];
}

/** The place that covers the most open units goes next; the first of equals. */
function greedyPlaces({ places, lines, need, has }: Problem): number[] {
  const open = need.slice();
  const chosen: number[] = [];
  const taken = new Uint8Array(places);
  for (;;) {
    let [best, most] = [-1, 0];
    for (let place = 0; place < places; place++) {
      if (taken[place]) continue;
      let units = 0;
      for (let line = 0; line < lines; line++)
        units += Math.min(open[line] ?? 0, has[place * lines + line] ?? 0);
      if (units > most) [best, most] = [place, units];
    }
    if (best < 0) return chosen;
    taken[best] = 1;
    chosen.push(best);
    for (let line = 0; line < lines; line++)
      open[line] = Math.max(0, (open[line] ?? 0) - (has[best * lines + line] ?? 0));
  }
}

/** Branch and bound over the places in their order, beginning with a set that covers everything. */
function exactPlaces({ places, lines, need, has, cost }: Problem, known: readonly number[]): number[] {
  let best = [...known];
  let bestCost = sum(known.map((place) => cost[place] ?? 0));
  // What the places from one on have together, and the most that one of them has.
  const rest = new Int32Array((places + 1) * lines);
  const most = new Int32Array((places + 1) * lines);
  for (let place = places - 1; place >= 0; place--) {
    for (let line = 0; line < lines; line++) {
      const units = has[place * lines + line] ?? 0;
      rest[place * lines + line] = Math.min(MAX_INT, (rest[(place + 1) * lines + line] ?? 0) + units);
      most[place * lines + line] = Math.max(most[(place + 1) * lines + line] ?? 0, units);
    }
  }
  /** What is open at each depth. */
  const open = new Int32Array((places + 1) * lines);
  open.set(need);
  const chosen: number[] = [];

  function search(place: number, costSoFar: number): void {
    const at = chosen.length * lines;
    const more = best.length - chosen.length;
    let isCovered = true;
    for (let line = 0; line < lines; line++) {
      const units = open[at + line] ?? 0;
      if (units === 0) continue;
      isCovered = false;
      const from = place * lines + line;
      if (units > (rest[from] ?? 0) || units > more * (most[from] ?? 0)) return;
    }
    if (isCovered) {
      if (chosen.length < best.length || costSoFar < bestCost) {
        best = [...chosen];
        bestCost = costSoFar;
      }
      return;
    }
    const costWith = costSoFar + (cost[place] ?? 0);
    if (more > 1 || (more === 1 && costWith < bestCost)) {
      chosen.push(place);
      for (let line = 0; line < lines; line++)
        open[at + lines + line] = Math.max(0, (open[at + line] ?? 0) - (has[place * lines + line] ?? 0));
      search(place + 1, costWith);
      chosen.pop();
    }
    search(place + 1, costSoFar);
  }

  search(0, 0);
  return best;
}

const MAX_INT = 2_147_483_647;
