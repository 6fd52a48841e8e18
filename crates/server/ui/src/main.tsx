import { render } from "preact";
import { App } from "./app";
import { followLinks } from "./state/location";
import "uplot/dist/uPlot.min.css";
import "./style/base.css";
import "./style/parts.css";
import "./style/logs.css";
import "./style/trace.css";
import "./style/views.css";

const page = document.getElementById("page");
if (page) {
  page.textContent = "";
  followLinks(page);
  render(<App />, page);
}
