import { withoutEscape } from '../../platform/csv';

/** What spreadsheets show where a formula failed. */
const ERRORS = /^#(?:N\/A|REF!|VALUE!|NAME\?|DIV\/0!|NUM!|NULL!|SPILL!|CALC!|FIELD!|GETTING_DATA|#+)$/i;
/** What programs write for a value that is not there. */
const NOTHING = new Set([
  'NULL',
  'Null',
  'null',
  '(null)',
  '<null>',
  '\\N',
  'NaN',
  'nan',
  'undefined',
  'None',
  'N/A',
  'n/a',
]);
/** As spreadsheets show long numbers: with a sign, and two digits at least. `1E5` may be a code. */
const SCIENTIFIC = /^[+-]?\d(?:[.,]\d+)?e[+-]\d{2,3}$/i;
/** How files keep spreadsheets from reading text as a number. */
const TEXT_FORMULA = /^="(.*)"$/;

/** Whether it may be any of these: most texts are not, and are not looked at further. */
const SUSPECT = /^'?[=#]|e[+-]\d\d|^(?:[(<]?null|\\n$|nan$|undefined$|none$|n\/a$)/i;

/**
 * Why a text that should name something (a SKU, a lot, a product) is not what somebody meant, but what a spreadsheet or a program made of it,
 * in words that say what to do; null: it may be meant. Also where our own CSV files have their apostrophe before it.
 *
 * @param what what the text should be, as `SKU`
 */
export function spoiltReason(text: string, what: string): string | null {
  if (!SUSPECT.test(text)) return null;
  const given = withoutEscape(text);
  const [, meant] = TEXT_FORMULA.exec(given) ?? [];
  if (meant !== undefined)
    return `The ${what} is a formula of a spreadsheet: write ${meant.slice(0, 100) || 'its value'} without the equals sign and its quotes.`;
  if (ERRORS.test(given))
    return `The ${what} is an error of a spreadsheet, ${given.slice(0, 20)}: mend the formula, and save the file again.`;
  if (SCIENTIFIC.test(given))
    return `The ${what} is a number that a spreadsheet has rounded, ${given}: make its column text before the values are put in, and save the file again.`;
  if (NOTHING.has(given))
    return `The ${what} is ${given}, as programs write a value that is not there: leave the field empty, or write the ${what}.`;
  return null;
}
