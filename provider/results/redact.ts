/**
 * A text of the service, fit for messages and for the state: what looks like an e-mail address or a phone number is
 * masked, and it is cut to 300 characters. The service quotes values in some of its messages.
 */
export function redact(text: string): string {
  return text
    .replace(/[^\s"'<>(),;:=|]+@[^\s"'<>(),;:]+/g, "‹email›")
    .replace(/\+\d{7,15}\b/g, "‹phone›")
    .slice(0, 300);
}
