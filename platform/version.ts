import packageJson from '../package.json';

/** Of this build, as package.json has it. */
export const VERSION: string = packageJson.version;
