import { pipeline } from 'node:stream/promises';
import { Client } from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';

/**
 * Loads what a database has into another one, which was migrated and has nothing else, as a dump does: rows and the values of sequences, in
 * one snapshot. Nothing of the server goes along, such as where its transactions are.
 */
export async function restoreInto(source: string, target: string): Promise<void> {
  const [reader, writer] = [source, target].map((connectionString) => new Client({ connectionString }));
  if (!reader || !writer) throw new Error('unreachable');
  await Promise.all([reader.connect(), writer.connect()]);
  try {
    await reader.query('begin isolation level repeatable read');
    // Neither triggers nor foreign keys: the rows were right where they come from.
    await writer.query('set session_replication_role = replica');
    const { rows: tables } = await reader.query<{ name: string; columns: string }>(
      `select c.oid::regclass::text as name, string_agg(quote_ident(a.attname), ', ' order by a.attnum) as columns
       from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid
       where c.relkind in ('r', 'p') and not c.relispartition and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
         and n.nspname not like 'pg\\_%' and n.nspname <> 'information_schema' and c.relname not like 'knex\\_%'
       group by c.oid order by 1`,
    );
    await writer.query(`truncate ${tables.map(({ name }) => name).join(', ')}`);
    for (const { name, columns } of tables)
      await pipeline(
        reader.query(copyTo(`copy (select ${columns} from ${name}) to stdout (format binary)`)),
        writer.query(copyFrom(`copy ${name} (${columns}) from stdin (format binary)`)),
      );
    const { rows: sequences } = await reader.query<{ name: string; value: string }>(
      `select format('%I.%I', schemaname, sequencename) as name, last_value::text as value from pg_sequences
       where last_value is not null`,
    );
    for (const { name, value } of sequences)
      await writer.query('select setval($1::regclass, $2::bigint)', [name, value]);
  } finally {
    await Promise.all([reader.end(), writer.end()]);
  }
}
