import { startBenchPostgres } from './servers';
import { openDatabase } from '../platform/database';
import { stageFeed } from '../domain/feeds/stage';
import { applyNextBatch } from '../domain/feeds/apply';
import { resolveFeed, forgetStaged, readFeedState } from '../domain/feeds/resolve';
import { newId } from '../platform/ids';
const N = Number(process.env.N ?? 200000);
const SKUS = N/10;
async function* src(round: number) { let out='sku,location,quantity\n'; for (let i=0;i<N;i++){ const j = (i*7919)%N; out+=`BENCH-${Math.floor(j/10)},LOC-${j%10},${(j%977)+round}\n`; if(out.length>65536){yield Buffer.from(out); out='';}} if(out) yield Buffer.from(out);}
async function main() {
  const server = await startBenchPostgres();
  const db = openDatabase({ url: server.url, poolSize: 5, log: server.log });
  const q = (t: string) => db.pool.query(t);
  try {
    await q(`insert into products (sku,name,price_minor,currency) select 'BENCH-'||i,'x',100,'USD' from generate_series(0,${SKUS-1}) i`);
    await q(`insert into warehouses (code,name,latitude,longitude,region) select 'LOC-'||i,'x',1,1,'eu' from generate_series(0,9) i`);
    await q(`insert into stock (product_id,warehouse_id,on_hand) select p.id,w.id,5 from products p, warehouses w where p.sku like 'BENCH%' and w.code like 'LOC%' order by 1,2`);
    await q('vacuum analyze'); await q('checkpoint');
    for (let round=0; round<2; round++) {
      const T = (l: string, t: number) => console.log(l, Math.round(performance.now()-t), 'ms');
      let t = performance.now();
      await q('create table bare (sku text, location text, quantity int)');
      await db.bulk((tx) => tx.copyIn('copy bare from stdin', (async function*(){ let first=true; for await (const b of src(round+1000)) { let s=b.toString(); if(first){s=s.slice(s.indexOf('\n')+1); first=false;} yield Buffer.from(s.replaceAll(',','\t')); } })()));
      T('bare copy', t); const t2=performance.now();
      await q('analyze bare');
      await q('update stock s set on_hand = b.quantity from bare b join products p on p.sku=b.sku join warehouses w on w.code=b.location where s.product_id=p.id and s.warehouse_id=w.id');
      T('bare update', t2); T('bare total', t); await q('drop table bare'); await q('vacuum stock'); await q('checkpoint');
      const jobId = newId();
      const t0 = performance.now(); t = t0;
      await stageFeed(db, { jobId, actor: 'x', mode: 'set', format: 'csv', location: null, source: src(round) }); T('stage', t); t = performance.now();
      let f = await resolveFeed(db, jobId, Number(process.env.L ?? 2)); T('resolve', t); t = performance.now();
      await Promise.all(f.openLanes.map(async (lane) => { while ((await applyNextBatch(db, { jobId, lane, size: Number(process.env.B ?? 20000), makeStock: false })).left > 0); })); f = await readFeedState(db, jobId);
      T('apply', t); T('TOTAL', t0); console.log(f, N/((performance.now()-t0)/1000), 'rows/s'); t = performance.now();
      await forgetStaged(db, f.id); T('forget', t); await q('vacuum'); await q('checkpoint');
    }
  } finally { await db.close(); await server.stop(); }
}
void main();
