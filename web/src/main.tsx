import { render } from "preact";
import { Shell } from "./app/shell";
import { showHidden } from "./ui/visible";
import "./style/base.css";

showHidden();
render(<Shell />, document.getElementById("app")!);
