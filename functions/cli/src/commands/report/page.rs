//! The break-glass report as one page: no scripts, nothing loaded from elsewhere.

use std::fmt::Write as _;

use jiff::Timestamp;
use postern_auditor::report::break_glass::BreakGlassReport;

use super::break_glass::{COLUMNS, cells, summary};
use crate::escape::html;

const STYLE: &str = "body{font:14px/1.5 system-ui,sans-serif;margin:2em;color:#1b1b1b}\
table{border-collapse:collapse}th,td{border:1px solid #c8c8c8;padding:.3em .6em;text-align:left;\
vertical-align:top;overflow-wrap:anywhere}th{background:#f2f2f2}\
@media print{body{margin:0}}";

/// The page. Whatever else a browser would make of it, it may load and run nothing.
pub(super) fn page(report: &BreakGlassReport, now: Timestamp) -> String {
    let mut text =
        String::from("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    text += "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n";
    let _ = writeln!(
        text,
        "<title>Break-glass</title>\n<style>{STYLE}</style>\n</head>\n<body>"
    );
    let bound = |at: Option<Timestamp>, open: &str| at.map_or(open.to_owned(), |at| at.to_string());
    let _ = writeln!(
        text,
        "<h1>Break-glass</h1>\n<p>From {} until {}, as of {now:.0}.</p>\n<p>{}.</p>",
        bound(report.period.since, "the beginning"),
        bound(report.period.until, "now"),
        html(&summary(report))
    );
    text += "<table>\n<thead><tr>";
    for name in COLUMNS {
        let _ = write!(text, "<th>{name}</th>");
    }
    text += "</tr></thead>\n<tbody>\n";
    for one in &report.uses {
        text += "<tr>";
        for cell in cells(one) {
            let _ = write!(text, "<td>{}</td>", html(&cell));
        }
        text += "</tr>\n";
    }
    text += "</tbody>\n</table>\n</body>\n</html>";
    text
}
