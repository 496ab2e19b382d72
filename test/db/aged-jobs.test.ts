import { newId } from '../../platform/ids';
import { expectInvariants } from '../support/invariants';
import { agingIn, all, KEPT, OLD, YOUNG } from './aging';
import { openReservationShop, type ReservationShop } from './reservation-shop';

let shop: ReservationShop;
beforeEach(async () => {
  shop = await openReservationShop();
});
afterEach(async () => {
  await expectInvariants(shop.db);
  await shop.close();
});

const { removeAgedRows, write, read } = agingIn(() => shop);

/** Where the rejects of each kind of upload are, and the mode of one. */
const UPLOADS = {
  feed: { mode: 'set', table: 'feed_rejects', columns: '', values: '' },
  products: { mode: 'upsert', table: 'product_import_rows', columns: ', given', values: `, '{}'` },
} as const;
type UploadType = keyof typeof UPLOADS;

async function upload(type: UploadType, of: { ended: string | null; rejects: number }): Promise<string> {
  const { mode, table, columns, values } = UPLOADS[type];
  const id = newId();
  const ended = of.ended === null ? `'running', null, null` : `'completed', 'csv', ${of.ended}`;
  await write(
    `insert into jobs (id, type, actor, status, file, finished_at, created_at) values ('${id}', '${type}', 'a', ${ended}, ${OLD})`,
    `insert into feeds (job_id, mode, stage) values ('${id}', '${mode}', 'resolved')`,
    `insert into feed_lanes (feed_id, lane, position, last_seq) select id, 1, 1, 1 from feeds where job_id = '${id}'`,
    `insert into ${table} (feed_id, line, code, reason${columns})
     select f.id, n, 'X', 'x'${values} from feeds f, generate_series(1, ${of.rejects}) n where f.job_id = '${id}'`,
  );
  return id;
}

test.each(Object.keys(UPLOADS) as UploadType[])(
  'rejects of uploads (%s) that ended long ago go before their jobs, which have no file then',
  async (type) => {
    const old = await upload(type, { ended: OLD, rejects: 2_100 });
    const young = await upload(type, { ended: YOUNG, rejects: 3 });
    const running = await upload(type, { ended: null, rejects: 2 });
    const rejects = `select f.job_id || ' ' || count(*) as is from ${UPLOADS[type].table} join feeds f on f.id = feed_id group by f.job_id`;
    expect(await removeAgedRows({ ...all(0), feedRejects: KEPT })).toEqual({ feedRejects: 2_100 });
    expect(await read(rejects)).toEqual([`${running} 2`, `${young} 3`].sort());
    expect(await read(`select id || ' ' || coalesce(file, 'none') as is from jobs`)).toEqual(
      [`${old} none`, `${running} none`, `${young} csv`].sort(),
    );
    expect(await removeAgedRows()).toEqual({ feeds: 1 });
    expect(await read('select id::text as is from jobs')).toEqual([running, young].sort());
    expect(await read('select job_id::text as is from feeds')).toEqual([running, young].sort());
    expect(await removeAgedRows()).toEqual({});
  },
);

async function check(of: {
  at: string;
  id?: string;
  mode?: 'full' | 'incremental';
  subjects?: readonly string[];
}): Promise<string> {
  const { at, id = 'order_events', mode = 'incremental', subjects = [] } = of;
  const job = newId();
  await write(
    `insert into jobs (id, type, actor, status, input, file, finished_at, created_at)
     values ('${job}', 'consistency', 'a', 'completed', '{"mode": "${mode}"}', 'sql', ${at}, ${at})`,
    `insert into consistency_checks (job_id, check_id, findings, truncated, started_at, finished_at)
     values ('${job}', '${id}', ${subjects.length}, false, ${at}, ${at})`,
    ...subjects.map(
      (subject) =>
        `insert into consistency_findings (job_id, check_id, severity, subject, details, repairable)
         values ('${job}', '${id}', 'error', '${subject}', '{}', true)`,
    ),
  );
  return job;
}

test.each([
  [
    'feed',
    `insert into feed_rows (feed_id, line, sku, location, quantity) select id, 1, 'A', 'AMS', 1 from feeds`,
  ],
  [
    'products',
    `insert into product_import_rows (feed_id, line, given, fields) select id, 1, '{}', '{}' from feeds`,
  ],
] as const)('staged rows that an upload (%s) left behind keep neither it nor others', async (type, leave) => {
  await upload(type, { ended: OLD, rejects: 0 });
  await write(leave);
  await upload(type, { ended: OLD, rejects: 0 });
  expect(await removeAgedRows()).toEqual({ feeds: 2 });
  expect(await read('select id::text as is from jobs')).toEqual([]);
});

test('old checks go with their findings; the latest run of each and open findings stay', async () => {
  const ago = (days: number) => `now() - interval '${days} days'`;
  await check({ at: ago(40), subjects: ['found again'] });
  const open = await check({ at: ago(39), subjects: ['open'] });
  await check({ at: ago(38) });
  const latest = await check({ at: ago(37), id: 'seals' });
  const again = await check({ at: ago(9), subjects: ['found again'] });
  expect(await removeAgedRows()).toEqual({ checks: 2 });
  expect(await read('select id::text as is from jobs')).toEqual([open, latest, again].sort());
  expect(await read('select subject as is from consistency_findings')).toEqual(['found again', 'open']);
  expect(await removeAgedRows()).toEqual({});
  // What a full run does not find any more is over.
  const full = await check({ at: ago(8), mode: 'full' });
  expect(await removeAgedRows()).toEqual({ checks: 1 });
  expect(await read('select id::text as is from jobs')).toEqual([latest, again, full].sort());
});
