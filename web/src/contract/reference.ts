// What the page knows by itself (web/reference.mjs): reasons of a refusal, alerts, the plugin's options
// and the members of the operator's files. Texts have `code` in backquotes.
export interface Reason { code: string; title: string; means: string; todo: string; isOurs: boolean }

export interface AlertKind {
  code: string;
  title: string;
  means: string;
  todo: string;
  help: string; // what threshold and factor are about
  threshold: number;
  windowSeconds: number;
  factor: number; // 0: it has none
  response: string;
}

export interface Option { name: string; value: string; default?: string; help: string; required: boolean }
export interface MemberRow { name: string; type: string; preset: string; description: string }
export interface MemberTable { id: string; title: string; description: string; rows: MemberRow[] }
export interface ConfigFile { id: string; title: string; tables: MemberTable[] }

interface Reference { version?: string; options?: Option[]; alerts?: AlertKind[]; reasons?: Reason[]; files?: ConfigFile[] }

// Nothing where there is no page: in unit tests.
const built = typeof document === "undefined" ? null : document.getElementById("reference")?.textContent;
const reference = JSON.parse(built || "{}") as Reference;

export const version = reference.version ?? "";
export const options: Option[] = reference.options ?? [];
export const reasons: Reason[] = reference.reasons ?? [];
export const alertKinds: AlertKind[] = reference.alerts ?? [];
export const configFiles: ConfigFile[] = reference.files ?? [];

/** One that is not known has its code as title. */
export const reasonOf = (code: string): Reason => reasons.find((it) => it.code === code)
  ?? { code, title: code === "notices-held-back" ? "More refusals than are reported one by one" : code, means: "", todo: "", isOurs: false };

export const alertOf = (code: string): AlertKind => alertKinds.find((it) => it.code === code)
  ?? { code, title: code, means: "", todo: "", help: "", threshold: 0, windowSeconds: 0, factor: 0, response: "report" };
