import { byName, report } from "./train.js";

report(byName);
