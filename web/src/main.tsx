import { render } from "preact";
import { Shell } from "./app/shell";
import "./style/base.css";

render(<Shell />, document.getElementById("app")!);
