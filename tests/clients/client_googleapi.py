"""google-api-python-client against the sandbox: it must not notice."""

import json
import sys
from importlib.metadata import version

from google.oauth2.service_account import Credentials
from googleapiclient.discovery import build
from googleapiclient.errors import HttpError

home = json.loads(sys.argv[1])
spreadsheet = home["spreadsheet"]
scopes = ["https://www.googleapis.com/auth/spreadsheets"]
credentials = Credentials.from_service_account_info(home["key"], scopes=scopes)
service = build(
    "sheets",
    "v4",
    credentials=credentials,
    client_options={"api_endpoint": home["url"]},
    cache_discovery=False,
)
sheets = service.spreadsheets()
values = sheets.values()

about = sheets.get(spreadsheetId=spreadsheet, fields="properties.timeZone,sheets.properties").execute()
assert about["properties"] == {"timeZone": "Etc/UTC"}, about
assert about["sheets"][0]["properties"]["sheetId"] == 0, about

body = {
    "valueInputOption": "RAW",
    "data": [
        {"range": "'It''s a/tab #1 50%'!A1", "values": [[30300.1]]},
        {"range": "'Sheet 1'!B7", "values": [[0.000002502]]},
    ],
}
answer = values.batchUpdate(spreadsheetId=spreadsheet, body=body).execute()
assert answer["totalUpdatedSheets"] == 2, answer
assert answer["responses"][0]["updatedRange"] == "'It''s a/tab #1 50%'!A1", answer
read = values.batchGet(
    spreadsheetId=spreadsheet,
    ranges=["'It''s a/tab #1 50%'!A1", "B7"],
    valueRenderOption="UNFORMATTED_VALUE",
).execute()
assert [each["values"] for each in read["valueRanges"]] == [[[30300.1]], [[0.000002502]]], read
quoted = "'It''s a/tab #1 50%'!A1"
assert values.get(spreadsheetId=spreadsheet, range=quoted).execute()["values"] == [["30300.1"]]
written = values.update(
    spreadsheetId=spreadsheet,
    range=quoted,
    valueInputOption="USER_ENTERED",
    includeValuesInResponse=True,
    body={"values": [["50%"]]},
).execute()
assert written["updatedData"]["values"] == [["50%"]], written
assert values.clear(spreadsheetId=spreadsheet, range=quoted).execute()["clearedRange"] == quoted
table = values.append(
    spreadsheetId=spreadsheet,
    range="D3!A1",
    valueInputOption="RAW",
    insertDataOption="INSERT_ROWS",
    body={"values": [["a", "b"]]},
).execute()
assert table["updates"]["updatedCells"] == 2, table

body["data"][1]["range"] = "NoSuchTab!A1"
try:
    values.batchUpdate(spreadsheetId=spreadsheet, body=body).execute()
    raise SystemExit("an unknown tab was written to")
except HttpError as error:
    assert error.status_code == 400, error
    assert error.reason == "Invalid data[1]: Unable to parse range: NoSuchTab!A1", error.reason
requests = [{"addSheet": {"properties": {"title": "From Python"}}}]
replies = sheets.batchUpdate(spreadsheetId=spreadsheet, body={"requests": requests}).execute()
gid = replies["replies"][0]["addSheet"]["properties"]["sheetId"]
requests = [{"deleteSheet": {"sheetId": gid}}]
sheets.batchUpdate(spreadsheetId=spreadsheet, body={"requests": requests}).execute()
cells = sheets.get(spreadsheetId=spreadsheet, ranges=["'Sheet 1'!B7"], includeGridData=True).execute()
cell = cells["sheets"][0]["data"][0]["rowData"][0]["values"][0]
assert cell["effectiveValue"] == {"numberValue": 0.000002502}, cell
print("google-api-python-client", version("google-api-python-client"), "noticed nothing")
