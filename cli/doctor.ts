import { settingsSchema, type Settings } from '../platform/config';
import { isSecretSetting } from '../platform/secret-settings';
import { VERSION } from '../platform/version';
import { checkApi } from './doctor-api';
import { checkDatabase } from './doctor-database';
import { DOCTOR_CHECKS, type DoctorOptions, type DoctorCheck, type Finding } from './doctor-checks';
import { checkFiles } from './doctor-files';
import { checkReports } from './doctor-reports';
import { checkSettings } from './doctor-settings';
import { checkTemporal, checkWorkers } from './doctor-temporal';
import { isGiven } from './environment';
import type { Output } from './output';
import { briefErrorText } from './error-text';

const CHECKS: Readonly<
  Record<DoctorCheck, (settings: Settings, options: DoctorOptions) => Promise<Finding[]>>
> = {
  settings: checkSettings,
  database: checkDatabase,
  temporal: checkTemporal,
  worker: checkWorkers,
  api: checkApi,
  reports: checkReports,
  files: checkFiles,
};

/** `holdfast doctor`: changes nothing; a file that it writes to the file store is removed. The exit code is 1 when something is wrong. */
export async function runDoctor(settings: Settings, options: DoctorOptions, output: Output): Promise<number> {
  const wanted = options.checks.length > 0 ? options.checks : DOCTOR_CHECKS;
  output.line(`Holdfast ${VERSION}, Node ${process.versions.node}\n`);
  const checks = await Promise.all(wanted.map((check) => examine(check, settings, options)));
  const findings = checks.flat();
  output.json({ version: VERSION, node: process.versions.node, findings, settings: shownSettings(settings) });
  for (const { name, ok, detail, advice } of findings) {
    output.item(ok ? 'ok' : 'WRONG', `${name.padEnd(18)}${detail}`);
    if (advice) output.item('', `${''.padEnd(18)}→ ${advice}`);
  }
  if (options.checks.length === 0) printSettings(settings, output);
  return findings.every(({ ok }) => ok) ? 0 : 1;
}

async function examine(check: DoctorCheck, settings: Settings, options: DoctorOptions): Promise<Finding[]> {
  try {
    return await CHECKS[check](settings, options);
  } catch (error) {
    return [{ name: check, ok: false, detail: briefErrorText(error) }];
  }
}

function printSettings(settings: Settings, output: Output): void {
  output.line('\nSettings in force (* given, the others by default; .env.example explains each)\n');
  for (const [name, { given, value }] of Object.entries(shownSettings(settings)))
    output.line(`  ${given ? '*' : ' '} ${name.padEnd(33)}${value}`);
}

/** Those that are set, by their names. */
function shownSettings(settings: Settings): Record<string, { given: boolean; value: string }> {
  return Object.fromEntries(
    settingsSchema.keyof().options.flatMap((name) => {
      const value = settings[name];
      if (value === undefined || String(value) === '') return [];
      return [[name, { given: isGiven(name), value: redact(name, value) }] as const];
    }),
  );
}

/** Keys and passwords are only told to be there. */
export function redact(name: string, value: string | number | boolean | string[]): string {
  const text = String(value);
  if (isSecretSetting(name) && !name.endsWith('_URL')) return '(set, not shown)';
  if (!URL.canParse(text)) return text;
  const url = new URL(text);
  if (url.password) url.password = 'hidden';
  for (const key of url.searchParams.keys()) {
    if (/password|key|token|secret/i.test(key)) url.searchParams.set(key, 'hidden');
  }
  return url.password || url.search ? url.href : text;
}
