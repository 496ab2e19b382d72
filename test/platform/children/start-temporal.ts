import { startTemporalServer } from '../../../platform/embedded/temporal';
import { createLogger } from '../../../platform/telemetry/log';

/** Starts Temporal (program, state file), says where, and waits to be killed. */
const [, , cliPath = '', stateFile = ''] = process.argv;
void startTemporalServer({ cliPath, stateFile, ui: false, log: createLogger('info') }).then((server) => {
  process.stdout.write(`${JSON.stringify({ address: server.address, pid: server.pid })}\n`);
  setInterval(() => undefined, 60_000);
});
