import type { JSX } from "preact";
import { SignIn } from "../app/signin";
import { contract } from "../app/session";
import { Empty } from "../ui/basics";

export function Try(): JSX.Element {
  if (!contract.value) return <SignIn />;
  return <Empty>{contract.value.channels.length} channels</Empty>;
}
