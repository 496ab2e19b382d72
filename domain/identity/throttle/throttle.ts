import { createHash } from 'node:crypto';
import type { Database, Queryable } from '../../../platform/database/database';
import { AppError } from '../../../platform/errors';
import { forgetAttempts, lockAttempts, takeBack, writeAttempts } from './queries';
import { ATTEMPT_LIMITS, waitAfter, type AttemptKind } from './rules';

/** What is guarded, by kind: an e-mail address, a network. */
export type Guarded = Partial<Record<AttemptKind, string>>;

interface Guard {
  kind: AttemptKind;
  /** A hash, so that no e-mail address is kept. */
  subject: Buffer;
}

/**
 * Counts an attempt before it is made, so that attempts at the same time, in whatever processes, are all counted. One that succeeds is
 * taken back.
 *
 * @throws AppError `TOO_MANY_ATTEMPTS` with `retryAfter`, where the one before has to be waited for; this one then counts for nothing
 */
export async function beginAttempt(db: Database, guarded: Guarded): Promise<void> {
  const guards = guardsOf(guarded);
  await db.retrying(async (tx) => {
    const rows = await lockAttempts(
      tx,
      guards.map(({ subject }) => subject),
    );
    const attempts = guards.map(({ kind, subject }) => {
      const row = rows.find((each) => each.subject.equals(subject));
      const limits = ATTEMPT_LIMITS[kind];
      const isForgotten = row === undefined || row.age > limits.forgottenAfterSeconds;
      const failures = (isForgotten ? 0 : row.failures) + 1;
      return { subject, failures, waitSeconds: waitAfter(failures, limits), waits: row?.waits ?? 0 };
    });
    const waits = Math.max(...attempts.map((attempt) => attempt.waits));
    if (waits > 0) throw tooManyAttempts(Math.ceil(waits));
    await writeAttempts(tx, attempts);
  });
}

/** The attempt was right: the account's failures are forgotten, and of the network this one, which others may use too. */
export async function attemptSucceeded(db: Database, { account, ...others }: Guarded): Promise<void> {
  const forgotten = guardsOf({ account }).map(({ subject }) => subject);
  const reduced = guardsOf(others).map(({ subject }) => subject);
  await db.retrying((tx) => takeBack(tx, { forgotten, reduced }));
}

/** The attempt was not made after all: it tells nothing about who tried. */
export async function withdrawAttempt(db: Database, guarded: Guarded): Promise<void> {
  const reduced = guardsOf(guarded).map(({ subject }) => subject);
  await db.retrying((tx) => takeBack(tx, { forgotten: [], reduced }));
}

/** Its owner has proved who they are in another way: they need not wait for what others have tried. */
export async function forgetFailures(on: Queryable, guarded: Guarded): Promise<void> {
  await forgetAttempts(
    on,
    guardsOf(guarded).map(({ subject }) => subject),
  );
}

function guardsOf(guarded: Guarded): Guard[] {
  return (Object.keys(ATTEMPT_LIMITS) as AttemptKind[]).flatMap((kind) => {
    const value = guarded[kind];
    if (value === undefined) return [];
    return [{ kind, subject: createHash('sha256').update(`${kind}:${value}`).digest() }];
  });
}

function tooManyAttempts(retryAfter: number): AppError {
  return new AppError('TOO_MANY_ATTEMPTS', `Too many attempts failed. Try again in ${retryAfter} s.`, {
    retryAfter,
  });
}
