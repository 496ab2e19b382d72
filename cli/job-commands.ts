import { Option, type Command } from 'commander';
import { readCommandSettings } from './environment';
import type { FeedImportOptions } from './feed';
import type { Output } from './output';
import type { ProductImportOptions } from './products';

const URL_HELP = 'address of the API (default: HOLDFAST_URL, or a running `holdfast up`)';

/** `holdfast feed …`, `holdfast products …`, `holdfast jobs …` and `holdfast forecast`: they talk to an API. */
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
    .addOption(formatOption())
    .option('--location <code>', 'location of rows that name none')
    .addOption(
      new Option(
        '--decimal <mark>',
        'what stands before decimals in quantities, so that 1.000 can be told from 1,000',
      ).choices(['.', ',']),
    )
    .addOption(charsetOption())
    .option('--as-of <time>', 'as of when the quantities of a set feed are true (RFC 3339); default: now')
    .option('--url <url>', URL_HELP)
    .addHelpText('after', EXIT_CODES)
    .action(async (file: string, options: Omit<FeedImportOptions, 'file'>) => {
      const { runFeedImport } = await import('./feed.js');
      finish(await runFeedImport(readCommandSettings({}, 'warn'), { ...options, file }, output));
    });

  const products = program.command('products').description('the catalogue');
  products
    .command('import')
    .description('upload products (CSV or JSON lines, also gzip), watch the import, keep the rejected rows')
    .argument('<file>', 'path, or - for standard input')
    .addOption(
      new Option('--mode <mode>', 'upsert: add and change; create: only add; update: only change')
        .choices(['upsert', 'create', 'update'])
        .default('upsert'),
    )
    .addOption(formatOption())
    .addOption(
      new Option(
        '--decimal <mark>',
        'what stands before decimals in prices, so that 1.000 can be told from 1,000',
      ).choices(['.', ',']),
    )
    .option('--currency <code>', 'of prices whose rows name none (ISO 4217)')
    .addOption(
      new Option(
        '--empty <meaning>',
        'what an empty field of CSV means: leave: the value stays (default); clear: it is emptied',
      ).choices(['leave', 'clear']),
    )
    .addOption(charsetOption())
    .option('--url <url>', URL_HELP)
    .addHelpText('after', EXIT_CODES)
    .action(async (file: string, options: Omit<ProductImportOptions, 'file'>) => {
      const { runProductImport } = await import('./products.js');
      finish(await runProductImport(readCommandSettings({}, 'warn'), { ...options, file }, output));
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

  const forecast = program
    .command('forecast')
    .description('what is expected to be ordered of a product, by day')
    .argument('<sku>', 'the product')
    .option('--days <days>', 'days that are shown, 1 to 90', '28')
    .option('--location <code>', 'of orders of which this location is first choice; default: all')
    .option('--url <url>', URL_HELP)
    .action(async (sku: string, options: { days: string; location?: string; url?: string }) => {
      const { showForecast } = await import('./forecast.js');
      const { days, location, url } = options;
      finish(await showForecast(readCommandSettings({}, 'warn'), { sku, days, location, url }, output));
    });

  for (const command of [forecast, ...feed.commands, ...products.commands, ...jobs.commands]) {
    command.exitOverride().configureHelp({ sortOptions: true });
  }
}

const EXIT_CODES = `
Exit codes: 0 every row was taken, 1 rows were rejected or the import did not end well, 2 the upload was refused as a whole.`;

function formatOption(): Option {
  return new Option('--format <format>', 'instead of a look at the file').choices(['csv', 'ndjson']);
}

function charsetOption(): Option {
  return new Option('--charset <name>', 'if it is not UTF-8 and has no byte order mark').choices([
    'utf-8',
    'utf-16le',
    'utf-16be',
    'windows-1252',
  ]);
}
