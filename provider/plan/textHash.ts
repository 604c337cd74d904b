/**
 * 64 bits of a text, in two unsigned halves. Quick on short texts and evenly spread; no protection from who looks for
 * collisions and knows the seed.
 *
 * @param seed changes the upper bits as well as the lower ones, so that no other first letter can make up for it.
 */
export function textHash(seed: number, text: string): [high: number, low: number] {
  // cyrb53 (bryc, public domain), with all bits of both halves.
  let high = 0xdeadbeef ^ seed;
  let low = 0x41c6ce57 ^ seed;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    high = Math.imul(high ^ unit, 0x9e3779b1);
    low = Math.imul(low ^ unit, 0x5f356495);
  }
  high = Math.imul(high ^ (high >>> 16), 0x85ebca6b) ^ Math.imul(low ^ (low >>> 13), 0xc2b2ae35);
  low = Math.imul(low ^ (low >>> 16), 0x85ebca6b) ^ Math.imul(high ^ (high >>> 13), 0xc2b2ae35);
  return [high >>> 0, low >>> 0];
}
