//! The Sheets API without sockets: requests in, replies out.

use actix_web::web::Bytes;
use serde_json::json;

use super::*;

const ID: &str = "1abcdefghijklmnopqrstuvwxyz";

fn sheets() -> Sheets {
    let mut sheets = Sheets::default();
    let tabs = [("Sheet 1".to_owned(), 10, 5), ("Other".to_owned(), 10, 5)];
    sheets.create(ID, "Doc", &tabs);
    sheets
}

fn ask_as(
    sheets: &mut Sheets,
    scope: &str,
    verb: &str,
    target: &str,
    body: &Value,
) -> (u16, Value) {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let request = Request {
        method: verb.into(),
        path: format!("/v4/spreadsheets/{ID}{path}"),
        query: query.into(),
        headers: vec![],
        body: if body.is_null() { Bytes::new() } else { body.to_string().into() },
    };
    let bearer = Bearer::Known { email: "a@b".into(), scopes: vec![scope.into()] };
    let reply = sheets.respond(&request, bearer, Timestamp::UNIX_EPOCH);
    (reply.status, serde_json::from_slice(&reply.body).unwrap_or_default())
}

fn ask(sheets: &mut Sheets, verb: &str, target: &str, body: Value) -> (u16, Value) {
    ask_as(sheets, "spreadsheets", verb, target, &body)
}

fn ok(sheets: &mut Sheets, verb: &str, target: &str, body: Value) -> Value {
    let (status, body) = ask(sheets, verb, target, body);
    assert_eq!(status, 200, "{body}");
    body
}

fn refused(sheets: &mut Sheets, verb: &str, target: &str, body: Value) -> String {
    let (status, body) = ask(sheets, verb, target, body);
    assert_eq!((status, &body["error"]["status"]), (400, &json!("INVALID_ARGUMENT")), "{body}");
    body["error"]["message"].as_str().unwrap().to_owned()
}

fn batch(data: Value) -> Value {
    json!({ "valueInputOption": "RAW", "data": data })
}

const BATCH: &str = "/values:batchUpdate";

#[test]
fn a_batch_counts_as_recorded() {
    let mut sheets = sheets();
    let data = json!([
        { "range": "'Other'!A1:D1", "values": [["A1", "B1", "", "D1"]] },
        { "range": "'Other'!A4:D4", "values": [["A4", "B4", "", "D4"]] },
    ]);
    let response = |range| {
        json!({ "spreadsheetId": ID, "updatedRange": range, "updatedRows": 1,
            "updatedColumns": 4, "updatedCells": 4 })
    };
    let expected = json!({
        "spreadsheetId": ID, "totalUpdatedRows": 2, "totalUpdatedColumns": 4,
        "totalUpdatedCells": 8, "totalUpdatedSheets": 1,
        "responses": [response("Other!A1:D1"), response("Other!A4:D4")],
    });
    assert_eq!(ok(&mut sheets, "POST", BATCH, batch(data)), expected);
}

#[test]
fn what_a_batch_may_not_do_is_told_in_googles_words_and_nothing_is_written() {
    let check = |entry: Value, expected: &str| {
        let mut sheets = sheets();
        let tab = &mut sheets.spreadsheets.get_mut(ID).unwrap().tabs[0];
        tab.protected.push(a1::Rect { top: 9, left: 0, bottom: 10, right: 5 });
        let before = sheets.spreadsheets.clone();
        let data = json!([{ "range": "A1", "values": [[1]] }, entry]);
        assert_eq!(refused(&mut sheets, "POST", BATCH, batch(data)), expected);
        assert_eq!(sheets.spreadsheets, before);
    };
    check(
        json!({ "range": "NoSuchTab!A1", "values": [[1]] }),
        "Invalid data[1]: Unable to parse range: NoSuchTab!A1",
    );
    check(
        json!({ "range": "'Other'!A11", "values": [[1]] }),
        "Invalid data[1]: Range (Other!A11) exceeds grid limits. Max rows: 10, max columns: 5",
    );
    check(
        json!({ "range": "'Sheet 1'!F1", "values": [[1]] }),
        "Invalid data[1]: Range ('Sheet 1'!F1) exceeds grid limits. Max rows: 10, max columns: 5",
    );
    check(
        json!({ "range": "E9", "values": [[1, 2]] }),
        "Invalid data[1]: Range ('Sheet 1'!E9:F9) exceeds grid limits. Max rows: 10, max columns: 5",
    );
    check(
        json!({ "range": "Other!A2:C4", "values": [[1], [2], [3], [4]] }),
        "Invalid data[1]: Requested writing within range [Other!A2:C4], but tried writing to row [5]",
    );
    check(
        json!({ "range": "Other!A2:C4", "values": [[1, 2, 3, 4]] }),
        "Invalid data[1]: Requested writing within range [Other!A2:C4], but tried writing to column [D]",
    );
    check(
        json!({ "range": "B10", "values": [[1]] }),
        "Invalid data[1]: You are trying to edit a protected cell or object. Please contact the \
         spreadsheet owner to remove protection if you need to edit.",
    );
    check(
        json!({ "range": "A1", "values": [["x".repeat(50_001)]] }),
        "Invalid data[1]: Your input contains more than the maximum of 50000 characters in a \
         single cell.",
    );
    check(
        json!({ "range": "A1", "values": ["X"] }),
        "Invalid value at 'data.values' (type.googleapis.com/google.protobuf.ListValue), \"X\"",
    );
    check(
        json!({ "rage": "A1" }),
        "Invalid JSON payload received. Unknown name \"rage\": Cannot find field.",
    );
}

#[test]
fn null_skips_a_cell_and_an_empty_text_empties_it() {
    let mut sheets = sheets();
    let row = |values: Value| batch(json!([{ "range": "A1:C1", "values": [values] }]));
    ok(&mut sheets, "POST", BATCH, row(json!([1, 2, 3])));
    ok(&mut sheets, "POST", BATCH, row(json!([9, null, ""])));
    let read =
        ok(&mut sheets, "GET", "/values/A1:C1?valueRenderOption=UNFORMATTED_VALUE", json!(null));
    let expected =
        json!({ "range": "'Sheet 1'!A1:C1", "majorDimension": "ROWS", "values": [[9, 2]] });
    assert_eq!(read, expected);
}

#[test]
fn values_are_rendered_as_asked_for() {
    let mut sheets = sheets();
    let put = "/values/A1?valueInputOption=USER_ENTERED";
    ok(&mut sheets, "PUT", put, json!({ "values": [["= 1 / 1024", "50%", true, "007"]] }));
    let mut read = |option: &str| {
        let target = format!("/values/1:1?valueRenderOption={option}");
        ok(&mut sheets, "GET", &target, json!(null))["values"][0].clone()
    };
    assert_eq!(read("FORMATTED_VALUE"), json!(["0.0009765625", "50%", "TRUE", "7"]));
    assert_eq!(read("UNFORMATTED_VALUE"), json!([0.0009765625, 0.5, true, 7]));
    assert_eq!(read("FORMULA"), json!(["= 1 / 1024", 0.5, true, 7]));
}

#[test]
fn formulas_follow_each_other_and_a_circle_ends() {
    let mut sheets = sheets();
    let put = "/values/A1?valueInputOption=USER_ENTERED";
    ok(&mut sheets, "PUT", put, json!({ "values": [[2, "=A1*3", "=B1+D1", "=C1"]] }));
    let target = "/values/A1:D1?valueRenderOption=UNFORMATTED_VALUE";
    let values = ok(&mut sheets, "GET", target, json!(null))["values"][0].clone();
    assert_eq!(values[1], 6);
    assert_eq!(values[2], "#REF!");
}

#[test]
fn a_read_is_clipped_and_trimmed() {
    let mut sheets = sheets();
    ok(&mut sheets, "POST", BATCH, batch(json!([{ "range": "B2", "values": [[1, ""], [2, 3]] }])));
    let mut check = |range: &str, expected: Value| {
        let target = format!("/values/{range}?valueRenderOption=UNFORMATTED_VALUE");
        let mut read = ok(&mut sheets, "GET", &target, json!(null));
        read.as_object_mut().unwrap().remove("majorDimension");
        assert_eq!(read, expected, "{range}");
    };
    check("A:A", json!({ "range": "'Sheet 1'!A1:A10" }));
    check("Sheet%201!B:C", json!({ "range": "'Sheet 1'!B1:C10", "values": [[], [1], [2, 3]] }));
    check("A1:Z99", json!({ "range": "'Sheet 1'!A1:E10", "values": [[], ["", 1], ["", 2, 3]] }));
    let target = "/values/B2:C3?majorDimension=COLUMNS&valueRenderOption=UNFORMATTED_VALUE";
    let read = ok(&mut sheets, "GET", target, json!(null));
    let expected = json!({ "range": "'Sheet 1'!B2:C3", "majorDimension": "COLUMNS",
        "values": [[1, 2], ["", 3]] });
    assert_eq!(read, expected);
    let target = "/values:batchGet?ranges=A11&ranges=A1";
    let refused = refused(&mut sheets, "GET", target, json!(null));
    let limits = "Range ('Sheet 1'!A11) exceeds grid limits. Max rows: 10, max columns: 5";
    assert_eq!(refused, limits);
}

#[test]
fn an_update_begins_at_a_single_cell_and_answers_what_it_was_asked_to() {
    let mut sheets = sheets();
    let target = "/values/%27Other%27%21A1?valueInputOption=RAW&includeValuesInResponse=True\
        &responseValueRenderOption=UNFORMATTED_VALUE";
    let values = json!([[1, "a"], [true, 2.5]]);
    let body = json!({ "majorDimension": null, "values": values });
    let expected = json!({
        "spreadsheetId": ID, "updatedRange": "Other!A1:B2", "updatedRows": 2, "updatedColumns": 2,
        "updatedCells": 4,
        "updatedData": { "range": "Other!A1:B2", "majorDimension": "ROWS", "values": values },
    });
    assert_eq!(ok(&mut sheets, "PUT", target, body), expected);
    let text = refused(&mut sheets, "PUT", "/values/A1", json!({ "values": [[1]] }));
    assert_eq!(text, "'valueInputOption' is required but not specified");
    let target = "/values/A1?valueInputOption=RAW";
    let columns = json!({ "majorDimension": "COLUMNS", "values": [[1, 2], [3]] });
    let body = ok(&mut sheets, "PUT", target, columns);
    assert_eq!(body["updatedRange"], "'Sheet 1'!A1:B2");
}

#[test]
fn rows_are_appended_below_the_table() {
    let mut sheets = sheets();
    let append = |sheets: &mut Sheets, option: &str, values: Value| {
        let target = format!("/values/Other:append?valueInputOption=RAW{option}");
        ok(sheets, "POST", &target, json!({ "values": values }))
    };
    let first = append(&mut sheets, "", json!([["h1", "h2"]]));
    assert_eq!(first["tableRange"], json!(null));
    assert_eq!(first["updates"]["updatedRange"], "Other!A1:B1");
    let second = append(&mut sheets, "", json!([[1, 2], [3, 4]]));
    assert_eq!(second["tableRange"], "Other!A1:B1");
    assert_eq!(second["updates"]["updatedRange"], "Other!A2:B3");
    let many: Vec<_> = (0..9).map(|n| json!([n])).collect();
    let third = append(&mut sheets, "&insertDataOption=INSERT_ROWS", json!(many));
    assert_eq!(third["updates"]["updatedRange"], "Other!A4:A12");
    let other = sheets.spreadsheets[ID].tab("Other").unwrap();
    assert_eq!(other.rows, 19);
    let fourth = append(&mut sheets, "", json!([[0, 0, 0, 0, 0, 0]]));
    assert_eq!(fourth["updates"]["updatedRange"], "Other!A13:F13");
    assert_eq!(sheets.spreadsheets[ID].tab("Other").unwrap().columns, 6);
}

#[test]
fn cleared_cells_are_empty() {
    let mut sheets = sheets();
    ok(&mut sheets, "POST", BATCH, batch(json!([{ "range": "A1", "values": [[1, 2, 3]] }])));
    let body = ok(&mut sheets, "POST", "/values/A1:B1:clear", json!({}));
    assert_eq!(body, json!({ "spreadsheetId": ID, "clearedRange": "'Sheet 1'!A1:B1" }));
    let ranges = json!({ "ranges": ["Other!A1", "'Sheet 1'"] });
    let body = ok(&mut sheets, "POST", "/values:batchClear", ranges);
    assert_eq!(body["clearedRanges"], json!(["Other!A1", "'Sheet 1'!A1:E10"]));
    assert!(sheets.spreadsheets[ID].tabs[0].cells.is_empty());
}

#[test]
fn a_spreadsheet_is_described_by_mask() {
    let mut sheets = sheets();
    let mut get = |query: &str| ok(&mut sheets, "GET", &format!("/?{query}"), json!(null));
    let expected = json!({ "sheets": [
        { "properties": { "sheetId": 0, "title": "Sheet 1", "index": 0, "sheetType": "GRID",
            "gridProperties": { "rowCount": 10, "columnCount": 5 } } },
        { "properties": { "sheetId": 1873450311, "title": "Other", "index": 1, "sheetType": "GRID",
            "gridProperties": { "rowCount": 10, "columnCount": 5 } } },
    ] });
    assert_eq!(get("fields=sheets.properties"), expected);
    let zone = get("fields=properties(timeZone),sheets.properties(sheetId,title)");
    assert_eq!(zone["properties"], json!({ "timeZone": "Etc/UTC" }));
    assert_eq!(get("fields=namedRanges"), json!({}));
    let all = get("includeGridData=false");
    assert_eq!(all["spreadsheetUrl"], format!("https://docs.google.com/spreadsheets/d/{ID}/edit"));
    assert!(all["sheets"][0]["data"].is_null());
    let (status, body) = ask(&mut sheets, "GET", "?fields=nonsense", json!(null));
    assert_eq!(status, 400);
    let violation = &body["error"]["details"][0]["fieldViolations"][0];
    assert_eq!(violation["field"], "nonsense");
}

#[test]
fn cells_are_told_with_their_formulas_when_they_are_asked_for() {
    let mut sheets = sheets();
    let put = "/values/B2?valueInputOption=USER_ENTERED";
    ok(&mut sheets, "PUT", put, json!({ "values": [["=1+1", "x"]] }));
    let target = "?ranges=%27Sheet%201%27!A1:C3&ranges=Other!A1&fields=sheets.data";
    let body = ok(&mut sheets, "GET", target, json!(null));
    let cell = |entered: Value, effective: Value, shown: &str| json!({ "userEnteredValue": entered, "effectiveValue": effective, "formattedValue": shown });
    let expected = json!({ "sheets": [
        { "data": [{ "rowData": [{}, { "values": [
            {},
            cell(json!({ "formulaValue": "=1+1" }), json!({ "numberValue": 2 }), "2"),
            cell(json!({ "stringValue": "x" }), json!({ "stringValue": "x" }), "x"),
        ] }] }] },
        { "data": [{}] },
    ] });
    assert_eq!(body, expected);
}

#[test]
fn tabs_and_names_are_changed_all_or_none() {
    let mut sheets = sheets();
    let requests = |requests: Value| json!({ "requests": requests });
    let body = ok(
        &mut sheets,
        "POST",
        ":batchUpdate",
        requests(json!([
            { "addSheet": { "properties": { "title": "New",
                "gridProperties": { "rowCount": 3, "columnCount": 2 } } } },
            { "updateSheetProperties": { "fields": "title",
                "properties": { "sheetId": 0, "title": "First" } } },
            { "addNamedRange": { "namedRange": { "name": "Btc", "range": { "sheetId": 0,
                "startRowIndex": 0, "endRowIndex": 1, "startColumnIndex": 1,
                "endColumnIndex": 2 } } } },
        ])),
    );
    let added = &body["replies"][0]["addSheet"]["properties"];
    assert_eq!((&added["index"], &added["title"]), (&json!(2), &json!("New")));
    assert_eq!(body["replies"][1], json!({}));
    let range = &body["replies"][2]["addNamedRange"]["namedRange"]["range"];
    assert_eq!(range["sheetId"], json!(null));
    let body = ok(&mut sheets, "POST", BATCH, batch(json!([{ "range": "Btc", "values": [[7]] }])));
    assert_eq!(body["responses"][0]["updatedRange"], "First!B1");

    let before = sheets.spreadsheets.clone();
    let bad = requests(json!([
        { "deleteSheet": { "sheetId": 0 } },
        { "addSheet": { "properties": { "title": "New" } } },
    ]));
    let text = refused(&mut sheets, "POST", ":batchUpdate", bad);
    let expected = "Invalid requests[1].addSheet: A sheet with the name \"New\" already exists. \
         Please enter another name.";
    assert_eq!(text, expected);
    assert_eq!(sheets.spreadsheets, before);
}

#[test]
fn a_scope_that_does_not_suffice_is_told() {
    let check = |scope: &str, verb: &str, target: &str, expected: u16| {
        let body = batch(json!([]));
        let (status, body) = ask_as(&mut sheets(), scope, verb, target, &body);
        assert_eq!(status, expected, "{scope} {verb} {target} {body}");
        body
    };
    check("spreadsheets", "POST", BATCH, 200);
    check("drive", "POST", BATCH, 200);
    check("spreadsheets.readonly", "GET", "/values/A1", 200);
    check("drive.file", "GET", "/values/A1", 404);
    let body = check("spreadsheets.readonly", "POST", BATCH, 403);
    let info = &body["error"]["details"][0];
    assert_eq!(info["reason"], "ACCESS_TOKEN_SCOPE_INSUFFICIENT");
    let method = "google.apps.sheets.v4.SpreadsheetsService.BatchUpdateValues";
    assert_eq!(info["metadata"]["method"], method);
}

#[test]
fn a_body_that_is_no_json_is_refused() {
    let mut sheets = sheets();
    let request = Request {
        method: "POST".into(),
        path: format!("/v4/spreadsheets/{ID}{BATCH}"),
        query: String::new(),
        headers: vec![],
        body: Bytes::from_static(b"{oops"),
    };
    let bearer = Bearer::Known { email: "a@b".into(), scopes: vec!["spreadsheets".into()] };
    let reply = sheets.respond(&request, bearer, Timestamp::UNIX_EPOCH);
    assert_eq!(reply.status, 400);
    let body: Value = serde_json::from_slice(&reply.body).unwrap();
    let message = body["error"]["message"].as_str().unwrap();
    assert!(message.starts_with("Invalid JSON payload received."), "{message}");
}
