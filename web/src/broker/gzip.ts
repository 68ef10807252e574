// Texts that came compressed. What they grow to is bounded: a broker may be anybody's.

/** The bytes of base64 text; throws where it is none. */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
}

/** Can this browser do it? */
export const canGunzip = (): boolean => typeof DecompressionStream === "function";

/** The text of a gzip file; throws where it is none, or where the text would have more than @most bytes. */
export async function gunzip(packed: Uint8Array<ArrayBuffer>, most: number): Promise<string> {
  const reader = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip")).getReader();
  const decoder = new TextDecoder();
  let text = "";
  let bytes = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    bytes += value.byteLength;
    if (bytes > most) {
      void reader.cancel().catch(() => undefined);
      throw new RangeError(`more than ${most} bytes`);
    }
    text += decoder.decode(value, { stream: true });
  }
}
