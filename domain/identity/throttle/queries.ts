import { execute, many, type Queryable, type Transaction } from '../../../platform/database/database';

export interface AttemptRow {
  subject: Buffer;
  failures: number;
  /** Seconds until the next attempt is let through; 0 or less: it is now. */
  waits: number;
  /** Seconds since the last attempt. */
  age: number;
}

/** Locks what is known of the subjects; one that is new is added. In the order of the subjects, so that two never wait for each other. */
export async function lockAttempts(tx: Transaction, subjects: readonly Buffer[]): Promise<AttemptRow[]> {
  await execute(
    tx,
    'sign_in_attempts.add',
    `insert into sign_in_attempts (subject) select subject from unnest($1::bytea[]) as s (subject) order by subject
     on conflict do nothing`,
    [subjects],
  );
  return many<AttemptRow>(
    tx,
    'sign_in_attempts.lock',
    `select subject, failures,
            greatest(0, extract(epoch from blocked_until - clock_timestamp()))::float8 as waits,
            extract(epoch from clock_timestamp() - last_at)::float8 as age
     from sign_in_attempts where subject = any ($1::bytea[]) order by subject for update`,
    [subjects],
  );
}

export async function writeAttempts(
  tx: Transaction,
  attempts: readonly { subject: Buffer; failures: number; waitSeconds: number }[],
): Promise<void> {
  await execute(
    tx,
    'sign_in_attempts.write',
    `update sign_in_attempts a
     set failures = w.failures, blocked_until = clock_timestamp() + make_interval(secs => w.wait), last_at = clock_timestamp()
     from unnest($1::bytea[], $2::int[], $3::float8[]) as w (subject, failures, wait)
     where a.subject = w.subject`,
    [
      attempts.map(({ subject }) => subject),
      attempts.map(({ failures }) => failures),
      attempts.map(({ waitSeconds }) => waitSeconds),
    ],
  );
}

/** Forgets those of the first, and takes one failure, with its wait, from the others. In the order of the subjects. */
export async function takeBack(
  tx: Transaction,
  { forgotten, reduced }: { forgotten: readonly Buffer[]; reduced: readonly Buffer[] },
): Promise<void> {
  await many(
    tx,
    'sign_in_attempts.lock_to_take_back',
    'select from sign_in_attempts where subject = any ($1::bytea[]) order by subject for update',
    [[...forgotten, ...reduced]],
  );
  await execute(
    tx,
    'sign_in_attempts.take_back',
    `update sign_in_attempts
     set failures = case when subject = any ($1::bytea[]) then 0 else greatest(0, failures - 1) end, blocked_until = 'epoch'
     where subject = any ($1::bytea[] || $2::bytea[])`,
    [forgotten, reduced],
  );
}

export async function forgetAttempts(on: Queryable, subjects: readonly Buffer[]): Promise<void> {
  await execute(
    on,
    'sign_in_attempts.forget',
    'delete from sign_in_attempts where subject = any ($1::bytea[])',
    [subjects],
  );
}
