import { execute, many, type Queryable, type Transaction } from '../../../platform/database/database';
import type { PublicKey } from './types';

export interface SigningKeyRow {
  kid: string;
  publicKey: PublicKey;
  privateSealed: Buffer;
  createdAt: Date;
  /** Null: it signs. */
  retiredAt: Date | null;
}

/** Keys that tokens may have been signed with that are good: the present one first. */
export function selectKeys(on: Queryable, keptSeconds: number): Promise<SigningKeyRow[]> {
  return many<SigningKeyRow>(
    on,
    'signing_keys.known',
    `select kid, public_key as "publicKey", private_sealed as "privateSealed", created_at as "createdAt", retired_at as "retiredAt"
     from signing_keys where retired_at is null or retired_at > clock_timestamp() - make_interval(secs => $1)
     order by retired_at desc nulls first`,
    [keptSeconds],
  );
}

/** Returns whether it was added: another process may have made the first one just now. */
export async function insertKey(
  on: Queryable,
  key: Pick<SigningKeyRow, 'kid' | 'publicKey' | 'privateSealed'>,
): Promise<boolean> {
  const added = await execute(
    on,
    'signing_keys.insert',
    `insert into signing_keys (kid, public_key, private_sealed) values ($1, $2, $3)
     on conflict ((true)) where retired_at is null do nothing`,
    [key.kid, JSON.stringify(key.publicKey), key.privateSealed],
  );
  return added > 0;
}

/** Retires the present key: it signs nothing more. */
export async function retireKeys(tx: Transaction): Promise<void> {
  await execute(
    tx,
    'signing_keys.retire',
    'update signing_keys set retired_at = clock_timestamp() where retired_at is null',
  );
}

/** Removes keys that are retired, whatever they have signed. */
export function deleteRetiredKeys(tx: Transaction): Promise<number> {
  return execute(tx, 'signing_keys.delete_retired', 'delete from signing_keys where retired_at is not null');
}
