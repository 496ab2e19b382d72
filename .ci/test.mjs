// `npm test`: every check and every test. The static checks run beside the tests, in the time that these leave the cores idle while
// they wait: at a lower priority, since nothing in them depends on how long it takes. Prints each check's output when it has
// ended; all of them run to their end, and one that fails fails the run.
import { spawn } from 'node:child_process';
import { setPriority } from 'node:os';

// One after the other within a lane; lanes side by side.
const LANES = [
  { niceness: 10, scripts: ['typecheck', 'deps', 'format:check', 'lint', 'audit-dependencies'] },
  { niceness: 0, scripts: ['build', 'test:coverage'] },
];
// The tests' output is long and its end is what one waits for, so it is not held back.
const SHOWN_AT_ONCE = 'test:coverage';

const results = (await Promise.all(LANES.map(runLane))).flat();
for (const { script, code, seconds } of results)
  console.log(`${code === 0 ? 'ok    ' : 'FAILED'} ${seconds.toFixed(0).padStart(4)} s  npm run ${script}`);
process.exit(results.every(({ code }) => code === 0) ? 0 : 1);

async function runLane({ niceness, scripts }) {
  const done = [];
  for (const script of scripts) done.push(await run(script, niceness));
  return done;
}

function run(script, niceness) {
  const begun = performance.now();
  const atOnce = script === SHOWN_AT_ONCE;
  return new Promise((resolve, reject) => {
    const child = spawn('npm', ['run', '--silent', script], {
      stdio: ['ignore', atOnce ? 'inherit' : 'pipe', atOnce ? 'inherit' : 'pipe'],
      shell: process.platform === 'win32',
    });
    // What it starts has it too.
    if (child.pid !== undefined) setPriority(child.pid, niceness);
    let said = '';
    for (const stream of [child.stdout, child.stderr])
      stream?.setEncoding('utf8').on('data', (text) => (said += text));
    child.once('error', reject);
    child.once('close', (code) => {
      if (said.trim() !== '' || code !== 0)
        console.log(`--- npm run ${script}: ${code === 0 ? 'ok' : 'FAILED'}\n${said}`);
      resolve({ script, code, seconds: (performance.now() - begun) / 1_000 });
    });
  });
}
