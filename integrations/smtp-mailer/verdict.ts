/** How sending to an SMTP server failed. */
export interface SmtpFailure extends Error {
  /** Of the server's answer; absent: there was none. */
  responseCode?: number;
  /** The command that it answered, such as `RCPT TO`. */
  command?: string;
  response?: string;
}

/**
 * What is to become of a mail. `later`: it is tried again; `refused`: this mail is not taken; `address_refused`: the address takes none.
 *
 * An answer of 4xx, or none, passes. What is refused before the recipient is named (credentials, sender, TLS), or by policy (`x.7.x`, such as
 * a relay that does not know us), is about us, and ends when somebody sets it right: it is tried again. 5xx to `RCPT TO` is final, about the
 * address unless its enhanced code (RFC 3463) says that the message is what is wrong (too large, content). To `DATA` it is about the message
 * unless its code says that it is the address: a filter that takes a mail for spam often says no more than no, and its reader would get none
 * any more.
 */
export function verdictOf({
  responseCode,
  command,
  response = '',
}: Pick<SmtpFailure, 'responseCode' | 'command' | 'response'>): 'later' | 'refused' | 'address_refused' {
  const isFinal = responseCode !== undefined && responseCode >= 500;
  if (!isFinal || (command !== 'RCPT TO' && command !== 'DATA')) return 'later';
  const [, subject = '', detail = ''] = /^\d{3}[ -]5\.(\d{1,3})\.(\d{1,3})/.exec(response) ?? [];
  if (subject === '7') return 'later';
  const isTooLarge = (subject === '2' && detail === '3') || (subject === '3' && detail === '4');
  if (subject === '6' || isTooLarge) return 'refused';
  return command === 'RCPT TO' || subject === '1' || subject === '2' ? 'address_refused' : 'refused';
}
