/** A command was answered with an error, or not at all. */
export class CommandError extends Error {
  constructor(message: string, readonly code?: string, readonly scope?: string) {
    super(message);
  }
}
