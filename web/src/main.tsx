import { render } from "preact";
import { readBuiltIn } from "./app/session";
import { Shell } from "./app/shell";
import { later } from "./ui/pieces";
import { showHidden } from "./ui/visible";
import "./style/base.css";

showHidden();
// Each in a task of its own: to take the script in is one as well.
later(readBuiltIn);
later(() => render(<Shell />, document.getElementById("app")!));
