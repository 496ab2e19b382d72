import type { Database, Queryable, Transaction } from '../../platform/database/database';
import { cutPage } from '../../platform/database/pages';
import { AppError } from '../../platform/errors';
import { recordChange } from '../audit/record';
import type { AuditValues } from '../audit/types';
import { isSeen, refuseAlike, refuseUpdate } from './changes';
import {
  existsZone,
  insertMerchant,
  selectMerchant,
  selectMerchants,
  selectMerchantsAlike,
  updateMerchantFields,
  type MerchantRow,
} from './merchant-queries';
import { lockName } from './name-lock-queries';
import type { MerchantFields, MerchantView, Seen, Versioned } from './types';

/** Null: no such merchant. */
export async function readMerchant(on: Queryable, code: string): Promise<Versioned<MerchantView> | null> {
  const found = await selectMerchant(on, code);
  return found ? versionOf(found) : null;
}

/**
 * The number of a merchant inside the database.
 *
 * @throws AppError `UNKNOWN_MERCHANT`
 */
export async function knownMerchantId(on: Queryable, code: string): Promise<number> {
  const found = await selectMerchant(on, code);
  if (!found) throw new AppError('UNKNOWN_MERCHANT', `There is no merchant ${code}.`);
  return found.id;
}

/** A page of merchants, by code. `next` has the code to go on after; null at the end. */
export async function listMerchants(
  on: Queryable,
  filter: { after?: string | undefined; limit: number; offset: number },
): Promise<{ items: MerchantView[]; next: { id: string } | null }> {
  const { after = null, limit, offset } = filter;
  const found = await selectMerchants(on, { after, limit: limit + 1, offset });
  const { shown, next } = cutPage(found, limit, ({ code }) => ({ id: code }));
  return { items: shown.map(viewOf), next };
}

/**
 * Adds a merchant.
 *
 * @param options.isRepeat an equal one that nobody has changed is the one that an earlier try made
 * @throws AppError `DUPLICATE_NAME`, `UNKNOWN_ZONE`
 */
export function createMerchant(
  db: Database,
  code: string,
  fields: MerchantFields,
  { isRepeat, actor }: { isRepeat: boolean; actor: string },
): Promise<Versioned<MerchantView>> {
  return db.retrying(async (tx) => {
    await lockName(tx, 'merchant', code);
    const found = isRepeat ? await selectMerchant(tx, code) : undefined;
    if (found && found.version === 1 && isEqual(found, fields)) return versionOf(found);
    refuseAlike(
      'merchant',
      code,
      (await selectMerchantsAlike(tx, code)).map((row) => row.code),
    );
    await expectZone(tx, fields.zone);
    await insertMerchant(tx, code, fields);
    await recordChange(tx, {
      actor,
      action: 'merchant.added',
      subject: { type: 'merchant', id: code },
      after: fieldsOf(fields),
    });
    return existing(tx, code);
  });
}

/**
 * Changes a merchant. A new time zone holds for money that moves from now on: days of before stay as they were.
 *
 * @throws AppError `NOT_FOUND`, `PRECONDITION_FAILED`, `UNKNOWN_ZONE`
 */
export function updateMerchant(
  db: Database,
  code: string,
  fields: MerchantFields,
  { seen, actor }: { seen: Seen; actor: string },
): Promise<Versioned<MerchantView>> {
  return db.retrying(async (tx) => {
    for (;;) {
      const before = await selectMerchant(tx, code);
      if (!before || !isSeen(before, seen)) refuseUpdate('merchant', before, seen);
      await expectZone(tx, fields.zone);
      // 0: it was changed between the two statements.
      if ((await updateMerchantFields(tx, code, fields, before.version)) === 0) continue;
      await recordChange(tx, {
        actor,
        action: 'merchant.changed',
        subject: { type: 'merchant', id: code },
        before: fieldsOf(before),
        after: fieldsOf(fields),
      });
      return existing(tx, code);
    }
  });
}

const FIELDS = ['name', 'zone'] as const;

function isEqual(merchant: MerchantRow, fields: MerchantFields): boolean {
  return FIELDS.every((name) => merchant[name] === fields[name]);
}

function fieldsOf(fields: MerchantFields): AuditValues {
  return Object.fromEntries(FIELDS.map((name) => [name, fields[name]]));
}

async function expectZone(tx: Transaction, zone: string): Promise<void> {
  if (!(await existsZone(tx, zone)))
    throw new AppError(
      'UNKNOWN_ZONE',
      `There is no time zone ${zone}. Give its IANA name, such as Europe/Paris.`,
    );
}

async function existing(tx: Transaction, code: string): Promise<Versioned<MerchantView>> {
  const merchant = await selectMerchant(tx, code);
  if (!merchant) throw new Error(`the merchant ${code} is gone`);
  return versionOf(merchant);
}

function viewOf({ code, name, zone, createdAt, updatedAt }: MerchantRow): MerchantView {
  return {
    id: code,
    name,
    zone,
    createdAt: createdAt.toISOString(),
    updatedAt: updatedAt.toISOString(),
  };
}

function versionOf(row: MerchantRow): Versioned<MerchantView> {
  return { ...viewOf(row), version: row.version };
}
