import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Settings } from '../platform/config';
import { isRunning } from '../platform/embedded/processes';

const devFileSchema = z.object({
  baseUrl: z.string(),
  databaseUrl: z.string(),
  /** As the owner of the schema. A program of an earlier version wrote none. */
  databaseOwnerUrl: z.string().optional(),
  temporalAddress: z.string(),
  temporalNamespace: z.string(),
  temporalUi: z.string().nullable(),
  pid: z.number().int(),
  /** Of the embedded database only. */
  adminApiKey: z.string().optional(),
  operatorApiKey: z.string().optional(),
  serviceApiKey: z.string().optional(),
  publishableKey: z.string().optional(),
  customer: z.object({ email: z.string(), password: z.string() }).optional(),
});

const devFileText = z
  .string()
  .transform((text, context): unknown => {
    try {
      return JSON.parse(text);
    } catch {
      context.addIssue('not JSON');
      return z.NEVER;
    }
  })
  .pipe(devFileSchema);

/** What `holdfast up` tells other programs about itself, in `dev.json` of its home. */
export type DevFile = z.infer<typeof devFileSchema>;

function devFilePath(settings: Settings): string {
  return join(settings.HOLDFAST_HOME, 'dev.json');
}

/** Writes it so that a reader sees all of it or none; for its owner only, since it holds the database's password and keys. */
export async function writeDevFile(settings: Settings, content: DevFile): Promise<void> {
  const path = devFilePath(settings);
  await mkdir(settings.HOLDFAST_HOME, { recursive: true });
  await writeFile(`${path}.new`, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 });
  await rename(`${path}.new`, path);
}

export async function removeDevFile(settings: Settings): Promise<void> {
  await rm(devFilePath(settings), { force: true });
}

/** The running `holdfast up` of this home; undefined when none runs. */
export async function readDevFile(settings: Settings): Promise<DevFile | undefined> {
  const text = await readFile(devFilePath(settings), 'utf8').catch(() => '');
  const parsed = devFileText.safeParse(text);
  return parsed.success && isRunning(parsed.data.pid) ? parsed.data : undefined;
}
