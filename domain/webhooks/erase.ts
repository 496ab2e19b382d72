import type { Queryable } from '../../platform/database/database';
import { clearAnswers } from './erase-queries';

/** Orders whose answers one statement looks for. */
const PART = 500;

/** Forgets what receivers have answered to events of these orders: they may repeat what they were told. Again it changes nothing. */
export async function eraseAnswersOf(on: Queryable, orderIds: readonly string[]): Promise<void> {
  for (let from = 0; from < orderIds.length; from += PART)
    await clearAnswers(on, orderIds.slice(from, from + PART));
}
