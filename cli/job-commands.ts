import { Option, type Command } from 'commander';
import { readCommandSettings } from './environment';
import type { Output } from './output';

const URL_HELP = 'address of the API (default: HOLDFAST_URL, or a running `holdfast up`)';

/** `holdfast feed …` and `holdfast jobs …`: they talk to an API. */
export function addJobCommands(program: Command, output: Output, finish: (code: number) => void): void {
  const feed = program.command('feed').description('inventory feeds');
  feed
    .command('import')
    .description('upload a feed (CSV or JSON lines, also gzip), watch its import, keep the rejected rows')
    .argument('<file>', 'path, or - for standard input')
    .addOption(
      new Option('--mode <mode>', 'set: quantities are what is on hand; delta: what is added or taken')
        .choices(['set', 'delta'])
        .default('set'),
    )
    .addOption(new Option('--format <format>', 'instead of a look at the file').choices(['csv', 'ndjson']))
    .option('--location <code>', 'location of rows that name none')
    .addOption(
      new Option(
        '--decimal <mark>',
        'what stands before decimals in quantities, so that 1.000 can be told from 1,000',
      ).choices(['.', ',']),
    )
    .addOption(
      new Option('--charset <name>', 'if it is not UTF-8 and has no byte order mark').choices([
        'utf-8',
        'utf-16le',
        'utf-16be',
        'windows-1252',
      ]),
    )
    .option('--as-of <time>', 'as of when the quantities of a set feed are true (RFC 3339); default: now')
    .option('--url <url>', URL_HELP)
    .addHelpText(
      'after',
      `
Exit codes: 0 every row was taken, 1 rows were rejected or the import did not end well, 2 the feed was refused as a whole.`,
    )
    .action(async (file: string, options: ImportOptions) => {
      const { runFeedImport } = await import('./feed.js');
      finish(await runFeedImport(readCommandSettings({}, 'warn'), { ...options, file }, output));
    });

  const jobs = program
    .command('jobs')
    .description('list the latest jobs')
    .option('--url <url>', URL_HELP)
    .action(async ({ url }: { url?: string }) => {
      const { listJobs } = await import('./jobs.js');
      finish(await listJobs(readCommandSettings({}, 'warn'), url, output));
    });
  jobs
    .command('cancel')
    .description('ask a job to stop')
    .argument('<id>', 'the job')
    .action(async (jobId: string, _options: unknown, command: Command) => {
      const { url } = command.optsWithGlobals<{ url?: string }>();
      const { cancelJob } = await import('./jobs.js');
      finish(await cancelJob(readCommandSettings({}, 'warn'), { jobId, url }, output));
    });

  for (const command of [...feed.commands, ...jobs.commands]) {
    command.exitOverride().configureHelp({ sortOptions: true });
  }
}

interface ImportOptions {
  mode: 'set' | 'delta';
  format?: 'csv' | 'ndjson';
  location?: string;
  decimal?: '.' | ',';
  charset?: string;
  asOf?: string;
  url?: string;
}
