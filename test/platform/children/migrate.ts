import { createLogger } from '../../../platform/telemetry/log';
import { migrate } from '../../../platform/database/migrations';

/** Migrates a database (url, directory) and says which files this process applied. */
const [, , url = '', directory = ''] = process.argv;
void migrate(url, createLogger('info'), { directory, createDatabase: true }).then((applied) => {
  process.stdout.write(`${JSON.stringify({ applied })}\n`);
});
