/** A chain of seals: that of the ledger of stock, of the audit log, or of the money ledger. */
type Chain = 'ledger_seals' | 'audit_seals' | 'money_seals';

/** SQL of where a chain goes on, and how far it may go, as `SealBound`. */
export const boundSql = (chain: Chain) => `
  select coalesce(s.seq, 0) as seq, coalesce(s.to_xid, 0) as xid, coalesce(s.to_id, 0) as id,
         coalesce(s.hash, decode(repeat('00', 32), 'hex')) as hash,
         pg_snapshot_xmin(pg_current_snapshot())::text::bigint as horizon
  from (values (1)) one left join (select * from ${chain} order by seq desc limit 1) s on true`;

/**
 * SQL of the seals that are not as they were made, or do not follow from the one before, as `BrokenLink`. $1, $2: number and hash of the
 * latest seal that was ever verified; $3: how many at most; $4, $5: of the seals after the first number, up to the second or, where that
 * is null, to the end.
 *
 * @param parts SQL of what a seal `s` has of the rows that it covers, as its own hash has it
 */
export const brokenLinksSql = (chain: Chain, parts: string) => `
  with seal as (
    select s.*, ${parts} as parts from ${chain} s where s.seq >= $4 and ($5::bigint is null or s.seq <= $5)
  ), linked as (
    select *, coalesce(lag(seq) over ordered, (select max(b.seq) from ${chain} b where b.seq < seal.seq), 0) as before,
           coalesce(lag(hash) over ordered, decode(repeat('00', 32), 'hex')) as hash_before,
           coalesce(lag(to_xid) over ordered, 0) as xid_before, coalesce(lag(to_id) over ordered, 0) as id_before
    from seal window ordered as (order by seq)
  )
  select seq, 'seal_changed' as why, 0::bigint as missing from linked
  where seq > $4 and (hash <> ledger_seal_hash(previous_hash, seq, from_xid, from_id, to_xid, to_id, row_count, made_at, parts)
     or (seq = $1 and hash <> $2))
  union all
  select before + 1, 'seal_missing', seq - before - 1 from linked where seq > $4 and seq <> before + 1
  union all
  select seq, 'chain_broken', 0 from linked
  where seq > $4 and seq = before + 1 and (previous_hash <> hash_before or (from_xid, from_id) <> (xid_before, id_before))
  union all
  select last.seq + 1, 'seal_missing', coalesce($5, $1) - last.seq
  from (select coalesce(max(seq), 0) as seq from ${chain} where $5::bigint is null or seq <= $5) last where last.seq < coalesce($5, $1)
  order by 1 limit $3`;
