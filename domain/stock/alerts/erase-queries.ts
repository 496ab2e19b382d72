import { execute, type Transaction } from '../../../platform/database/database';

export async function eraseNotes(tx: Transaction, orderIds: readonly string[]): Promise<void> {
  await execute(
    tx,
    'alerts.erase_texts',
    `update alerts set note = null, resolution = case when resolution is not null then 'erased' end,
       details = case when details ? 'why' then details || '{"why": "erased"}' else details end
     where order_id = any ($1::uuid[])
       and (note is not null or resolution <> 'erased' or details ->> 'why' <> 'erased')`,
    [orderIds],
  );
}
