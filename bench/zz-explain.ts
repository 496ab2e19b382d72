import { startBenchPostgres } from './servers';
import { openDatabase } from '../platform/database';
import { stageFeed } from '../domain/feeds/stage';
import * as Q from '../domain/feeds/queries';
import { newId } from '../platform/ids';
const N = 100000; const SKUS = N/10;
async function* src(round: number) { let out='sku,location,quantity\n'; for (let i=0;i<N;i++){ const j = (i*7919)%N; out+=`BENCH-${Math.floor(j/10)},LOC-${j%10},${(j%977)+round}\n`; } yield Buffer.from(out);}
async function main() {
  const server = await startBenchPostgres();
  const db = openDatabase({ url: server.url, poolSize: 5, log: server.log });
  const q = (t: string) => db.pool.query(t);
  try {
    await q(`insert into products (sku,name,price_minor,currency) select 'BENCH-'||i,'x',100,'USD' from generate_series(0,${SKUS-1}) i`);
    await q(`insert into warehouses (code,name,latitude,longitude,region) select 'LOC-'||i,'x',1,1,'eu' from generate_series(0,9) i`);
    await q(`insert into stock (product_id,warehouse_id,on_hand) select p.id,w.id,5 from products p, warehouses w where p.sku like 'BENCH%' and w.code like 'LOC%' order by 1,2`);
    await q('vacuum analyze'); await q('checkpoint');
    const jobId = newId();
    await stageFeed(db, { jobId, actor: 'x', mode: 'set', format: 'csv', location: null, source: src(1) });
    await Q.analyzeStaged(db);
    const f = (await Q.selectFeed(db, jobId))!;
    const explain = (tx: any) => ({ query: async (s: any) => { const r = await tx.query({ name: 'x'+s.name, text: 'explain (analyze, buffers, wal, timing off) '+s.text, values: s.values }); console.log(s.name); console.log(r.rows.map((x: any) => x['QUERY PLAN']).join('\n')); return { rows: [], rowCount: 0 }; } });
    await db.transaction(async (tx) => { await Q.allowLongWork(tx); await Q.resolveRows(explain(tx) as any, f.id, 'set'); await Q.setResolved(tx, f.id, { changes: N, rejected: 0 }); });
    await Q.analyzeChanges(db);
    await db.transaction(async (tx) => { await Q.applyChanges(tx, { feedId: f.id, after: 0, upTo: 20000 }, { mode: 'set', effectId: newId(), reference: jobId, actor: 'x' }); });
    await db.transaction(async (tx) => { await Q.insertMissingStock(explain(tx) as any, { feedId: f.id, after: 20000, upTo: 40000 }); await Q.applyChanges(explain(tx) as any, { feedId: f.id, after: 20000, upTo: 40000 }, { mode: 'set', effectId: newId(), reference: jobId, actor: 'x' }); 
     await Q.selectWaitedFor(explain(tx) as any, { feedId: f.id, after: 20000, upTo: 40000 }); });
  } finally { await db.close(); await server.stop(); }
}
void main();
