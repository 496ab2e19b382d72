// Asks the registry for known faults of production dependencies (high and critical ones fail) and checks the signatures of
// what is installed (a wrong one fails). A registry that offers neither, or cannot be reached, does not fail the run: it says so.
import { spawn } from 'node:child_process';

const LIMIT_MS = 60_000;

const advisories = await npm(['audit', '--omit=dev', '--audit-level=high', '--json']);
const counts = parsed(advisories.stdout)?.metadata?.vulnerabilities;
if (!counts) skipped('npm audit', advisories);
else {
  const grave = counts.high + counts.critical;
  console.log(
    `npm audit: ${counts.total} known faults in production dependencies, ${grave} of them high or critical`,
  );
  if (grave > 0) fail(advisories.stdout);
}

const signatures = await npm(['audit', 'signatures', '--json']);
const checked = parsed(signatures.stdout);
if (!Array.isArray(checked?.invalid)) skipped('npm audit signatures', signatures);
else {
  console.log(
    `npm audit signatures: ${checked.invalid.length} invalid, ${checked.missing.length} without a signature`,
  );
  if (checked.invalid.length > 0) fail(signatures.stdout);
}

function fail(text) {
  console.log(text);
  process.exitCode = 1;
}

function skipped(what, { stdout, stderr }) {
  const why =
    parsed(stdout)?.error?.summary ||
    stderr.split('\n').find((line) => line.includes('error')) ||
    'no answer';
  console.log(`${what} was not checked: ${why.trim()}`);
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function npm(args) {
  return new Promise((resolve, reject) => {
    // Few tries: a registry that cannot be reached is asked again for minutes otherwise.
    const child = spawn('npm', [...args, '--fetch-retries=1', '--fetch-timeout=15000'], {
      shell: process.platform === 'win32',
      timeout: LIMIT_MS,
    });
    const said = { stdout: '', stderr: '' };
    for (const stream of ['stdout', 'stderr'])
      child[stream].setEncoding('utf8').on('data', (text) => (said[stream] += text));
    child.once('error', reject);
    child.once('close', () => resolve(said));
  });
}
