import { buildGoTool } from '../../../platform/embedded/go-tool';
import { createLogger } from '../../../platform/telemetry/log';

/** Builds a Go tool (package, version, cache folder) and says where it is. */
const [, , name = '', version = '', cacheDir = ''] = process.argv;
void buildGoTool({ package: name, version }, { log: createLogger('info'), cacheDir }).then((path) => {
  process.stdout.write(`${JSON.stringify({ path })}\n`);
});
