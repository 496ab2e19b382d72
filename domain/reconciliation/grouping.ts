import { dayAfter } from '../../platform/days';
import type { Left } from './left-queries';

/** Of more that are near, groups are not looked for: some of so many come to any amount. */
const MAX_NEAR = 12;
/** So many groups are told where it is not certain which of them it is. */
const MAX_TOLD = 3;

export interface Side {
  /** Numbers of what is in a group. */
  grouped: Set<number>;
  /** What is not certain, by number. */
  details: Map<number, string>;
}

export interface Grouping {
  /** How many groups were found. */
  groups: number;
  ours: Side;
  theirs: Side;
}

/** One of a side, and what may be several of the other that come to it. */
interface Question {
  one: Left;
  /** Of `one` and of `answers`. */
  ofOne: Side;
  ofSeveral: Side;
  answers: Left[][];
}

/**
 * Finds payouts that the bank pays by one transfer, and transfers that are one payout together: of one currency and direction, each within
 * `toleranceDays`, which come to the very amount. All of a day go before others. Where there is more than one such group, or something would
 * be in two, none is taken, and that is said.
 *
 * @param ours of each day in the order of their numbers, as `theirs`
 */
export function groupLeft(ours: readonly Left[], theirs: readonly Left[], toleranceDays: number): Grouping {
  const sides = { ours: newSide(), theirs: newSide() };
  const questions = [
    ...questionsOf({ ones: theirs, several: ours, toleranceDays }, sides.theirs, sides.ours),
    ...questionsOf({ ones: ours, several: theirs, toleranceDays }, sides.ours, sides.theirs),
  ];
  const claims = new Map<Left, number>();
  for (const { one, answers } of questions)
    for (const claimed of new Set([one, ...answers.flat()]))
      claims.set(claimed, (claims.get(claimed) ?? 0) + 1);
  let groups = 0;
  for (const question of questions) {
    const { one, answers, ofOne, ofSeveral } = question;
    const [group] = answers;
    const isCertain =
      answers.length === 1 && group && [one, ...group].every((each) => claims.get(each) === 1);
    if (!isCertain) {
      sayUncertain(question);
      continue;
    }
    groups += 1;
    ofOne.grouped.add(one.id);
    for (const { id } of group) ofSeveral.grouped.add(id);
  }
  return { groups, ...sides };
}

function newSide(): Side {
  return { grouped: new Set(), details: new Map() };
}

function* questionsOf(
  given: { ones: readonly Left[]; several: readonly Left[]; toleranceDays: number },
  ofOne: Side,
  ofSeveral: Side,
): Generator<Question> {
  const byDay = daysOf(given.several);
  for (const one of given.ones) {
    const days = daysNear(byDay, one, given.toleranceDays);
    const whole = days.filter(({ all }) => all.length > 1).filter((day) => sumOf(day) === one.minor);
    if (whole.length > 0) {
      yield { one, ofOne, ofSeveral, answers: whole.map(({ all }) => all) };
      continue;
    }
    const near = days.map((day) => ({ day, count: countSmaller(day, one) }));
    const count = near.reduce((sum, each) => sum + each.count, 0);
    if (count > MAX_NEAR) {
      const why = `${count} others are near: groups of so many are not looked for.`;
      const sum = near.reduce((of, each) => of + sumOf(each.day, each.count), 0);
      if (Math.abs(sum) >= Math.abs(one.minor)) ofOne.details.set(one.id, why);
      continue;
    }
    const answers = groupsOf(
      near.flatMap((each) => smallestOf(each.day, each.count)),
      one.minor,
    );
    if (answers.length > 0) yield { one, ofOne, ofSeveral, answers };
  }
}

/** What a side has of one currency and direction on a day. Of many it is asked for by each of the other side: so it is added up once. */
interface Day {
  /** In the order of their numbers. */
  all: Left[];
  /** The smallest amount first. `sum`: what they come to, up to this one. */
  bySize: { left: Left; sum: number }[];
}
type Days = ReadonlyMap<string, Day>;

const keyOf = ({ currency, minor }: Left, day: string) => `${currency} ${Math.sign(minor)} ${day}`;
const sizeOf = ({ minor }: Left) => Math.abs(minor);

/** By currency, direction and day. */
function daysOf(several: readonly Left[]): Days {
  const days = new Map<string, Left[]>();
  for (const each of several) {
    const key = keyOf(each, each.day);
    const day = days.get(key);
    if (day) day.push(each);
    else days.set(key, [each]);
  }
  return new Map([...days].map(([key, all]) => [key, dayOf(all)]));
}

function dayOf(all: Left[]): Day {
  let sum = 0;
  const bySize = [...all]
    .sort((a, b) => sizeOf(a) - sizeOf(b))
    .map((left) => ({ left, sum: (sum += left.minor) }));
  return { all, bySize };
}

/** What is near, day by day. */
function daysNear(days: Days, one: Left, toleranceDays: number): Day[] {
  const near: Day[] = [];
  for (let away = -toleranceDays; away <= toleranceDays; away++) {
    const found = days.get(keyOf(one, dayAfter(one.day, away)));
    if (found) near.push(found);
  }
  return near;
}

/** What the smallest of a day come to; unless a count is given, all of them. */
function sumOf({ bySize }: Day, count = bySize.length): number {
  return bySize[count - 1]?.sum ?? 0;
}

/** How many of a day are smaller than one. */
function countSmaller({ bySize }: Day, one: Left): number {
  let [from, to] = [0, bySize.length];
  while (from < to) {
    const middle = Math.floor((from + to) / 2);
    const at = bySize[middle];
    if (at && sizeOf(at.left) < sizeOf(one)) from = middle + 1;
    else to = middle;
  }
  return from;
}

/** The smallest of a day, in the order of their numbers. */
function smallestOf({ bySize }: Day, count: number): Left[] {
  return bySize
    .slice(0, count)
    .map(({ left }) => left)
    .sort((a, b) => a.id - b.id);
}

/** Groups of two or more that come to an amount, each once; all of one direction. */
function groupsOf(near: readonly Left[], minor: number): Left[][] {
  const groups: Left[][] = [];
  const take = (from: number, group: Left[], left: number) => {
    if (left === 0) groups.push(group);
    if (left <= 0) return;
    for (let at = from; at < near.length && groups.length <= MAX_TOLD; at++) {
      const next = near[at];
      if (next) take(at + 1, [...group, next], left - Math.abs(next.minor));
    }
  };
  take(0, [], Math.abs(minor));
  return groups;
}

function sayUncertain({ one, answers, ofOne, ofSeveral }: Question): void {
  const told = answers.slice(0, MAX_TOLD).map((group) => group.map(nameOf).join(' + '));
  const more = answers.length > MAX_TOLD ? '; and more' : '';
  ofOne.details.set(
    one.id,
    `Together these may be it, and none of them is taken: ${told.join('; ')}${more}.`,
  );
  for (const { id } of answers.flat())
    ofSeveral.details.set(id, `It may be a part of ${nameOf(one)}, as others may.`);
}

function nameOf({ ref, day, minor }: Left): string {
  return ref ?? `${minor} of ${day}`;
}
