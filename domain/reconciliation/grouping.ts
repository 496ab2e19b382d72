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
    const whole = days.filter((day) => day.length > 1 && sumOf(day) === one.minor);
    const near =
      whole.length > 0 ? [] : days.flat().filter(({ minor }) => Math.abs(minor) < Math.abs(one.minor));
    if (near.length > MAX_NEAR) {
      const why = `${near.length} others are near: groups of so many are not looked for.`;
      if (Math.abs(sumOf(near)) >= Math.abs(one.minor)) ofOne.details.set(one.id, why);
      continue;
    }
    const answers = whole.length > 0 ? whole : groupsOf(near, one.minor);
    if (answers.length > 0) yield { one, ofOne, ofSeveral, answers };
  }
}

type Days = ReadonlyMap<string, readonly Left[]>;

const keyOf = ({ currency, minor }: Left, day: string) => `${currency} ${Math.sign(minor)} ${day}`;

/** By currency, direction and day. */
function daysOf(several: readonly Left[]): Days {
  const days = new Map<string, Left[]>();
  for (const each of several) {
    const key = keyOf(each, each.day);
    const day = days.get(key);
    if (day) day.push(each);
    else days.set(key, [each]);
  }
  return days;
}

/** What is near, day by day. */
function daysNear(days: Days, one: Left, toleranceDays: number): Left[][] {
  const near: Left[][] = [];
  for (let away = -toleranceDays; away <= toleranceDays; away++) {
    const found = days.get(keyOf(one, dayAfter(one.day, away)));
    if (found) near.push([...found]);
  }
  return near;
}

function sumOf(group: readonly Left[]): number {
  return group.reduce((sum, { minor }) => sum + minor, 0);
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
