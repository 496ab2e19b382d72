/**
 * Letters of Cyrillic and Greek that look like one of Latin in any typeface: those of `intentional.txt` of Unicode Technical Standard 39
 * (https://www.unicode.org/Public/security/latest/intentional.txt).
 */
const LOOK_LATIN = /[АВСЕНІЈКМОРЅТХҮӀԌԚԜасеһіјорԛѕԝхуԁӏΑΒΕΗΙͿΚΜΝΟΡΤΧΥΖο]/u;
const LATIN = /\p{Script=Latin}/u;
/** Not seen, or seen as the blank that it is not. */
const UNSEEN = /[\p{Default_Ignorable_Code_Point}\u2800]|(?! )\p{Z}/u;

/**
 * Why people could not tell a SKU from another one by looking at it, or null: a character that is not seen or is an unusual blank; a
 * letter of another script that looks like a Latin one, among Latin letters. Asked of new SKUs only.
 */
export function unclearCharacter(sku: string): { reason: string; character: string } | null {
  const unseen = UNSEEN.exec(sku)?.[0];
  if (unseen !== undefined) {
    const character = named(unseen);
    return {
      character,
      reason: `The SKU has a character that is not seen, or an unusual blank: ${character}.`,
    };
  }
  const alike = LATIN.test(sku) ? LOOK_LATIN.exec(sku)?.[0] : undefined;
  if (alike === undefined) return null;
  const character = named(alike);
  return {
    character,
    reason: `The SKU has a letter that only looks like a Latin one: ${alike} is ${character}. Write all of it in one script.`,
  };
}

/** As Unicode writes it: `U+200B`. */
function named(character: string): string {
  return `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;
}
