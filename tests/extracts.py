"""Small extracts of accounting systems in their true column names, and what was made of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from paydelay.errors import PaydelayError
from paydelay.language import phrase
from paydelay.sources import ImportedLedger, import_ledger

Texts = dict[str, str]
SECRETS = ("Alder", "Birch")
"""Names of customers in the extracts."""

XERO = {
    "invoice": """\
invoice_id,contact_id,date,updated_date_utc,due_date,fully_paid_on_date,amount_credited,amount_due,amount_paid,total,\
currency_code,currency_rate,invoice_number,status,type
i1,C1,2024-01-10,2024-02-16 09:00:00.083 UTC,2024-02-09,2024-02-15,0,0,1200,1200,GBP,1,INV-1,PAID,ACCREC
i2,C1,2024-02-01,2024-03-20 10:00:00.000 UTC,2024-03-02,,0,600,400,1000,GBP,1,INV-2,AUTHORISED,ACCREC
i3,C2,2024-02-05,2024-03-02 10:00:00.000 UTC,2024-03-06,2024-03-01,200,0,300,500,GBP,1,INV-3,PAID,ACCREC
i4,C2,2024-03-01,2024-03-01 10:00:00.000 UTC,2024-03-31,,0,250,0,250,USD,1.25,INV-4,AUTHORISED,ACCREC
i5,C2,2024-03-02,2024-03-03 10:00:00.000 UTC,2024-04-01,,0,0,0,80,GBP,1,INV-5,VOIDED,ACCREC
i6,S1,2024-03-02,2024-03-03 10:00:00.000 UTC,2024-04-01,,0,90,0,90,GBP,1,B-6,AUTHORISED,ACCPAY
i7,C2,2024-03-04,2024-03-04 10:00:00.000 UTC,2024-04-01,,0,70,0,70,GBP,1,INV-7,DRAFT,ACCREC
"""
}
XERO_PAYMENT = """\
payment_id,invoice_id,date,amount,currency_rate,payment_type,status
p1,i1,2024-02-14,1200,1,ACCRECPAYMENT,AUTHORISED
p2,i2,2024-03-05,150,1,ACCRECPAYMENT,AUTHORISED
p3,i2,2024-03-12,250,1,ACCRECPAYMENT,AUTHORISED
p4,i3,2024-03-01,300,1,ACCRECPAYMENT,AUTHORISED
p5,i6,2024-03-09,40,1,ACCPAYPAYMENT,AUTHORISED
p6,i2,2024-03-02,999,1,ACCRECPAYMENT,DELETED
"""
XERO_CREDIT_NOTE = """\
credit_note_id,contact_id,date,type,status,total,remaining_credit,currency_code
n1,C2,2024-02-20,ACCRECCREDIT,PAID,200,0,GBP
n2,C1,2024-03-18,ACCRECCREDIT,AUTHORISED,60,60,GBP
n3,C2,2024-03-18,ACCRECCREDIT,AUTHORISED,50,50,USD
n4,S1,2024-03-18,ACCPAYCREDIT,AUTHORISED,15,15,GBP
n5,C1,2024-03-18,ACCRECCREDIT,VOIDED,15,15,GBP
"""
XERO_TEMPLATE = """\
*ContactName,EmailAddress,POCountry,*InvoiceNumber,*InvoiceDate,*DueDate,Total,Description,*Quantity,*UnitAmount,\
*AccountCode,TaxAmount,Currency
Alder,,GB,T-1,05/01/2024,04/02/2024,180.00,Work,10,10.00,200,20.00,GBP
Alder,,GB,T-1,05/01/2024,04/02/2024,180.00,Travel,1,50.00,200,10.00,GBP
Birch,,GB,T-2,31/01/2024,01/03/2024,,Work,3,30.00,200,18.00,GBP
Birch,,GB,T-3,31/01/2024,01/03/2024,90.00,Work,three,30.00,200,,GBP
Birch,,GB,T-3,31/01/2024,01/03/2024,90.00,Work,1,0.00,200,,GBP
"""

ODOO = {
    "account_move": """\
id,name,move_type,state,partner_id,commercial_partner_id,company_id,currency_id,date,invoice_date,invoice_date_due,\
amount_total,amount_residual,payment_id,statement_line_id,reversed_entry_id,create_date
1,INV/1,out_invoice,posted,10,10,1,1,2024-01-05,2024-01-05,2024-02-04,120.00,0,,,,2024-01-05 08:00:00
2,INV/2,out_invoice,posted,10,10,1,1,2024-01-10,2024-01-10,2024-03-10,200.00,140,,,,2024-01-10 08:00:00
3,BNK/1,entry,posted,10,10,1,1,2024-02-10,,,150.00,0,5,,,2024-02-12 08:00:00
4,RINV/1,out_refund,posted,10,10,1,1,2024-02-15,2024-02-15,2024-02-15,50.00,20,,,2,2024-02-15 08:00:00
5,/,out_invoice,draft,11,11,1,1,2024-02-15,2024-02-15,2024-02-15,30.00,30,,,,2024-02-15 08:00:00
6,BILL/1,in_invoice,posted,12,12,1,1,2024-02-15,2024-02-15,2024-02-15,30.00,30,,,,2024-02-15 08:00:00
7,INV/3,out_invoice,posted,11,11,1,2,2024-02-01,2024-02-01,2024-03-02,110.00,0,,,,2024-02-01 08:00:00
8,BNK/2,entry,posted,11,11,1,2,2024-03-04,,,108.00,0,,77,,2024-03-04 08:00:00
9,INV/4,out_invoice,posted,11,11,1,1,2024-02-20,2024-02-20,2024-03-21,75.00,0,,,,2024-02-20 08:00:00
10,MISC/1,entry,posted,11,11,1,1,2024-06-30,,,75.00,0,,,,2024-06-30 08:00:00
11,OPEN/1,entry,posted,11,11,1,1,2024-01-01,,,40.00,0,,,,2024-01-01 08:00:00
12,INV/5,out_invoice,cancel,11,11,1,1,2024-01-01,2024-01-01,2024-01-31,40.00,0,,,,2024-01-01 08:00:00
""",
    "account_move_line": """\
id,move_id,company_id,company_currency_id,account_id,currency_id,partner_id,display_type,date,date_maturity,debit,\
credit,balance,amount_currency,amount_residual,amount_residual_currency,payment_id,statement_line_id,create_date
11,1,1,1,400,1,10,payment_term,2024-01-05,2024-02-04,120.00,0.0,120,120.00,0,0,,,2024-01-05 08:00:00
12,1,1,1,700,1,10,product,2024-01-05,,0.0,120.00,-120,-120.00,0,0,,,2024-01-05 08:00:00
21,2,1,1,400,1,10,payment_term,2024-01-10,2024-02-10,100.00,0.0,100,100.00,40,40,,,2024-01-10 08:00:00
22,2,1,1,400,1,10,payment_term,2024-01-10,2024-03-10,100.00,0.0,100,100.00,100,100,,,2024-01-10 08:00:00
23,2,1,1,700,1,10,product,2024-01-10,,0.0,200.00,-200,-200,0,0,,,2024-01-10 08:00:00
31,3,1,1,400,1,10,product,2024-02-10,,0.0,150.00,-150,-150,0,0,5,,2024-02-12 08:00:00
32,3,1,1,512,1,10,product,2024-02-10,,150.00,0.0,150,150,0,0,5,,2024-02-12 08:00:00
41,4,1,1,400,1,10,payment_term,2024-02-15,2024-02-15,0.0,50.00,-50,-50,-20,-20,,,2024-02-15 08:00:00
42,4,1,1,700,1,10,product,2024-02-15,,50.00,0.0,50,50,0,0,,,2024-02-15 08:00:00
71,7,1,1,400,2,11,payment_term,2024-02-01,2024-03-02,100.00,0.0,100,110.00,0,0,,,2024-02-01 08:00:00
81,8,1,1,400,2,11,product,2024-03-04,,0.0,99.00,-99,-110.00,0,0,,77,2024-03-04 08:00:00
82,8,1,1,512,2,11,product,2024-03-04,,97.20,0.0,97.2,108.00,0,0,,77,2024-03-04 08:00:00
83,8,1,1,658,2,11,product,2024-03-04,,1.80,0.0,1.8,2.00,0,0,,77,2024-03-04 08:00:00
91,9,1,1,400,1,11,payment_term,2024-02-20,2024-03-21,75.00,0.0,75,75.00,0,0,,,2024-02-20 08:00:00
101,10,1,1,400,1,11,product,2024-06-30,,0.0,75.00,-75,-75.00,0,0,,,2024-06-30 08:00:00
102,10,1,1,654,1,11,product,2024-06-30,,75.00,0.0,75,75.00,0,0,,,2024-06-30 08:00:00
111,11,1,1,400,1,11,product,2024-01-01,,40.00,0.0,40,40.00,40,40,,,2024-01-01 08:00:00
""",
    "account_partial_reconcile": """\
id,debit_move_id,credit_move_id,full_reconcile_id,company_id,max_date,amount,debit_amount_currency,\
credit_amount_currency,create_date
1,11,31,,1,2024-02-10,120.00,120.00,120.00,2024-02-29 08:00:00
2,21,31,,1,2024-02-10,30.00,30.00,30.00,2024-02-29 08:00:00
3,21,41,,1,2024-02-15,30.00,30.00,30.00,2024-02-29 08:00:00
4,71,81,,1,2024-03-04,99.00,110.00,110.00,2024-03-04 08:00:00
5,91,101,,1,2024-06-30,75.00,75.00,75.00,2024-06-30 08:00:00
""",
    "res_currency": "id,name,symbol,rounding\n1,EUR,€,0.01\n2,USD,$,0.01\n",
}
ODOO_ACCOUNT = """\
id,code,account_type,name
400,411000,asset_receivable,Customers
512,512000,asset_cash,Bank
654,654000,expense,Bad debts
658,658000,expense,Differences
700,707000,income,Sales
"""
ODOO_PAYMENT = """\
id,move_id,payment_type,partner_type,amount,currency_id
5,3,inbound,customer,147.00,1
6,99,outbound,supplier,10.00,1
"""

SAP_ITEM = (
    "bukrs,belnr,gjahr,buzei,kunnr,blart,bschl,shkzg,umskz,bldat,budat,cpudt,zfbdt,zbd1t,zbd2t,zbd3t,dmbtr,wrbtr,waers,"
    "wskto,augbl,augdt,rebzg,rebzj,rebzz\n"
)
SAP = {
    "bsad": SAP_ITEM
    # One payment for two invoices, 2 % of the second waived.
    + """\
1000,0090000001,2024,001,0000000100,RV,01,S,,20240105,20240105,20240105,20240105,14,30,0,100.00,100.00,\
EUR,0.00,\
1400000001,20240220,,0000,000
1000,0090000002,2024,001,0000000100,RV,01,S,,20240110,20240110,20240110,20240110,30,0,0,200.00,200.00,\
EUR,0.00,\
1400000001,20240220,,0000,000
1000,1400000001,2024,002,0000000100,DZ,15,H,,20240212,20240212,20240213,00000000,0,0,0,300.00,300.00,EUR,\
6.00,\
1400000001,20240220,,0000,000
1000,0090000003,2024,001,0000000200,RV,01,S,,20240115,20240115,20240115,20240115,0,0,45,500.00,500.00,\
EUR,0.00,\
1400000002,20240401,,0000,000
1000,1600000001,2024,001,0000000200,DG,11,H,,20240215,20240215,20240215,20240215,0,0,0,120.00,120.00,EUR,\
0.00,\
1400000002,20240401,90000003,2024,001
1000,1400000002,2024,002,0000000200,DZ,15,H,,20240325,20240325,20240326,00000000,0,0,0,380.00,380.00,EUR,\
0.00,\
1400000002,20240401,,0000,000
1000,0090000004,2024,001,0000000200,RV,01,S,,20240201,20240201,20240201,20240201,30,0,0,70.00,70.00,EUR,0.00,\
0100000009,20240630,,0000,000
""",
    "bsid": SAP_ITEM
    + """\
1000,0090000005,2024,001,0000000100,RV,01,S,,20240301,20240301,20240301,20240301,30,0,0,900.00,1000.00,\
USD,0.00,,\
00000000,,0000,000
1000,1400000003,2024,002,0000000100,DZ,15,H,,20240405,20240405,20240405,00000000,0,0,0,360.00,400.00,USD,\
0.00,,\
00000000,0090000005,2024,001
1000,1400000004,2024,002,0000000200,DZ,15,H,,20240410,20240410,20240410,00000000,0,0,0,55.00,55.00,EUR,0.00,,\
00000000,,0000,000
1000,1800000001,2024,001,0000000200,DZ,19,H,A,20240411,20240411,20240411,00000000,0,0,0,33.00,33.00,EUR,\
0.00,,\
00000000,,0000,000
1000,1800000002,2024,001,0000000200,DZ,09,S,F,20240411,20240411,20240411,00000000,0,0,0,44.00,44.00,EUR,\
0.00,,\
00000000,,0000,000
1000,1900000001,2024,001,0000000200,DW,09,S,W,20240411,20240411,20240411,00000000,0,0,0,66.00,66.00,EUR,\
0.00,,\
00000000,,0000,000
""",
    "kna1": "kunnr,land1,name1,brsch,kukla\n0000000100,FR,Alder,0001,01\n0000000200,DE,Birch,,\n",
}

QUICKBOOKS = {
    "invoice": """\
id,_fivetran_deleted,balance,created_at,currency_id,customer_id,deposit,doc_number,due_date,exchange_rate,\
sales_term_id,total_amount,transaction_date
1,FALSE,0,2024-01-05 10:00:00,USD,C1,,1001,2024-02-04,1,3,100,2024-01-05
2,FALSE,140,2024-01-10 10:00:00,USD,C1,,1002,2024-02-09,1,3,200,2024-01-10
3,FALSE,0,2024-01-15 10:00:00,USD,C2,,1003,,1,3,80,2024-01-15
4,FALSE,250,2024-02-01 10:00:00,EUR,C3,50,1004,2024-03-02,1.1,,300,2024-02-01
5,TRUE,,2024-02-01 10:00:00,USD,,,,,,,,
""",
    "payment": """\
id,_fivetran_deleted,created_at,currency_id,customer_id,exchange_rate,total_amount,transaction_date,unapplied_amount
11,FALSE,2024-02-11 10:00:00,USD,C1,1,135,2024-02-10,0
12,FALSE,2024-03-01 10:00:00,USD,C2,1,95,2024-03-01,15
13,FALSE,2024-03-05 10:00:00,EUR,C3,1.2,10,2024-03-05,10
14,TRUE,2024-03-06 10:00:00,USD,C1,1,5,2024-03-06,0
15,FALSE,2024-03-07 10:00:00,USD,C9,1,7,2024-03-07,0
16,FALSE,2024-03-07 10:00:00,USD,C9,1,7,2024-03-07,7
""",
    "payment_line": """\
index,payment_id,amount,credit_memo_id,invoice_id,journal_entry_id
0,11,100,,1,
1,11,60,,2,
2,11,25,31,,
0,12,80,,3,
0,15,7,,999,
""",
}
QUICKBOOKS_TERM = "id,name,due_days,day_of_month_due,type\n3,Net 45,45,,STANDARD\n"
QUICKBOOKS_CREDIT_MEMO = """\
id,_fivetran_deleted,balance,currency_id,customer_id,total_amount,transaction_date
31,FALSE,0,USD,C1,25,2024-01-31
32,FALSE,12,USD,C1,12,2024-02-20
"""

SAGE_INTACCT = {
    "ar_invoice": """\
recordno,_fivetran_deleted,auwhencreated,currency,customerid,due_in_days,megaentityid,recordid,recordtype,state,\
totaldue,totalentered,totalpaid,whencreated,whendue,whenmodified,whenpaid,whenposted
1,false,2024-01-05 10:00:00,USD,C-1,-10,E1,SI-1,ri,Paid,0,100,100,2024-01-05,2024-02-04,2024-02-20 10:00:00,\
2024-02-19,2024-01-05
2,false,2024-01-10 10:00:00,USD,C-1,5,E2,SI-2,ri,Partially Paid,150,200,50,2024-01-10,2024-02-09,\
2024-03-01 10:00:00,,2024-01-10
3,false,2024-01-12 10:00:00,USD,C-2,5,E1,SI-3,ri,Posted,75,75,0,2024-01-12,2024-02-11,\
2024-01-12 10:00:00,,2024-01-12
4,true,2024-01-12 10:00:00,USD,C-2,5,E1,SI-4,ri,Posted,75,75,0,2024-01-12,2024-02-11,2024-01-12 10:00:00,\
,2024-01-12
5,false,2024-01-12 10:00:00,USD,C-2,5,E1,SI-5,ri,Draft,75,75,0,2024-01-12,2024-02-11,2024-01-12 10:00:00,,
6,false,2024-01-12 10:00:00,USD,C-2,5,E1,SI-6,ri,Reversed,0,75,75,2024-01-12,2024-02-11,2024-01-12 10:00:00,,
7,false,2024-01-13 10:00:00,USD,C-2,5,E1,AD-7,ra,Posted,20,20,0,2024-01-13,2024-01-13,\
2024-01-13 10:00:00,,2024-01-13
8,false,2024-01-14 10:00:00,USD,C-2,5,E1,SI-8,ri,Posted,-30,-30,0,2024-01-14,2024-02-13,\
2024-01-14 10:00:00,,2024-01-14
9,false,2024-01-14 10:00:00,USD,C-2,,E1,SI-9,ri,No Value,0,0,0,2024-01-14,2024-02-13,2024-01-14 10:00:00,\
,2024-01-14
"""
}

NETSUITE = {
    "transaction": """\
_fivetran_synced,id,transactionnumber,type,memo,trandate,status,createddate,duedate,closedate,currency,entity,\
postingperiod,posting,isreversal
2024-05-01,1,INV1,CustInvc,,2024-01-05 0:00:00,B,2024-01-05 10:00:00,2024-02-04 0:00:00,\
2024-02-20 0:00:00,1,100,1,T,F
2024-05-01,2,INV2,CustInvc,,2024-01-10 0:00:00,A,2024-01-10 10:00:00,2024-02-09 0:00:00,,1,100,1,T,F
2024-05-01,3,INV3,CustInvc,,2024-02-01 0:00:00,A,2024-02-01 10:00:00,2024-03-02 0:00:00,,1,200,1,T,F
2024-05-01,4,PYMT4,CustPymt,,2024-02-18 0:00:00,B,2024-02-19 10:00:00,,,1,100,1,T,F
2024-05-01,5,CM5,CustCred,,2024-02-25 0:00:00,B,2024-02-25 10:00:00,,,1,100,1,T,F
2024-05-01,6,BILL6,VendBill,,2024-02-25 0:00:00,B,2024-02-25 10:00:00,,,1,300,1,T,F
2024-05-01,7,SO7,SalesOrd,,2024-02-25 0:00:00,B,2024-02-25 10:00:00,,,1,100,1,T,F
2024-05-01,8,INV8,CustInvc,,2024-02-25 0:00:00,V,2024-02-25 10:00:00,2024-03-25 0:00:00,,1,100,1,T,F
2024-05-01,9,INV9,CustInvc,,2024-02-25 0:00:00,D,2024-02-25 10:00:00,2024-03-25 0:00:00,,1,100,1,F,F
""",
    "transactionline": """\
id,transaction,linesequencenumber,mainline,taxline,foreignamount,foreignamountpaid,foreignamountunpaid,\
foreignpaymentamountunused,subsidiary
0,1,0,T,F,100.00,100.00,0.00,,1
1,1,1,F,F,-100.00,,,,1
0,2,0,T,F,200.00,90.00,110.00,,1
0,3,0,T,F,50.00,0.00,50.00,,1
0,4,0,T,F,-170.00,,,10.00,1
0,5,0,T,F,-30.00,,,0.00,1
0,6,0,T,F,-80.00,,,,1
""",
    "currency": "id,name,symbol\n1,US Dollar,USD\n",
}
NETSUITE_LINK = """\
previousdoc,previousline,previoustype,nextdoc,nextline,nexttype,linktype,foreignamount
1,0,CustInvc,4,0,CustPymt,Payment,100.00
2,0,CustInvc,4,0,CustPymt,Payment,60.00
2,0,CustInvc,5,0,CustCred,Payment,30.00
7,1,SalesOrd,1,1,CustInvc,OrdBill,100.00
6,0,VendBill,77,0,VendPymt,Payment,80.00
"""
NETSUITE_ACCOUNTING = """\
transaction,transactionline,accountingbook,account,amount,amountpaid,amountunpaid,paymentamountunused,posting
1,0,1,120,100.00,100.00,0.00,,T
1,0,2,120,100.00,100.00,0.00,,T
1,1,1,400,-100.00,,,,T
2,0,1,120,200.00,90.00,110.00,,T
3,0,1,120,50.00,0.00,50.00,,T
4,0,1,120,-170.00,,,10.00,T
5,0,1,120,-30.00,,,0.00,T
"""

DYNAMICS_BC = {
    "entries": """\
Document_Type,Customer_No_,Document_No_,Due_Date,Document_Date,External_Document_No_,Amount,Currency_Code,\
ClosedAtDate,Open,Remaining_Amount
Invoice,10000,PSI-1,2024-02-04,2024-01-05,PO-1,100.00,,2024-02-20,false,0.00
Invoice,10000,PSI-2,2024-02-09,2024-01-10,PO-2,200.00,,,true,140.00
Payment,10000,PAY-1,2024-02-18,2024-02-18,,-160.00,,,true,-10.00
Credit Memo,10000,PSCM-1,2024-02-25,2024-02-25,,-30.00,,2024-03-01,false,0.00
Invoice,20000,PSI-3,2024-03-02,2024-02-01,,80.00,USD,,true,80.00
 ,20000,OPEN-1,2024-01-31,2024-01-01,,25.00,,,true,25.00
"""
}
DYNAMICS_BC_DETAILED = {
    "entries": """\
Entry No.;Customer No.;Posting Date;Document Type;Document No.;Document Date;Due Date;Amount;Amount (LCY);\
Remaining Amount;Currency Code;Closed at Date;Open;Reversed
1;10000;05.01.2024;Rechnung;PSI-1;05.01.2024;04.02.2024;1.100,00;1.100,00;0,00;;20.02.2024;Nein;Nein
2;10000;10.01.2024;Rechnung;PSI-2;10.01.2024;09.02.2024;200,00;200,00;108,00;;;Ja;Nein
3;10000;18.02.2024;Zahlung;PAY-1;18.02.2024;18.02.2024;-1.170,00;-1.170,00;-10,00;;;Ja;Nein
4;10000;25.02.2024;Gutschrift;PSCM-1;25.02.2024;25.02.2024;-30,00;-30,00;0,00;;01.03.2024;Nein;Nein
5;20000;01.02.2024;Rechnung;PSI-3;01.02.2024;02.03.2024;80,00;72,00;80,00;USD;;Ja;Nein
6;20000;01.02.2024;Rechnung;PSI-6;01.02.2024;02.03.2024;80,00;80,00;80,00;;;Ja;Ja
""",
    "detailed": """\
Entry No.;Cust. Ledger Entry No.;Entry Type;Posting Date;Document Type;Document No.;Amount;Amount (LCY);\
Applied Cust. Ledger Entry No.;Unapplied
101;1;Initial Entry;05.01.2024;Rechnung;PSI-1;1.100,00;1.100,00;0;Nein
102;2;Initial Entry;10.01.2024;Rechnung;PSI-2;200,00;200,00;0;Nein
103;3;Initial Entry;18.02.2024;Zahlung;PAY-1;-1.170,00;-1.170,00;0;Nein
104;1;Application;20.02.2024;Zahlung;PAY-1;-1.100,00;-1.100,00;3;Nein
105;3;Application;20.02.2024;Zahlung;PAY-1;1.100,00;1.100,00;3;Nein
106;2;Application;20.02.2024;Zahlung;PAY-1;-60,00;-60,00;2;Nein
107;3;Application;20.02.2024;Zahlung;PAY-1;60,00;60,00;2;Nein
108;2;Application;01.03.2024;Gutschrift;PSCM-1;-30,00;-30,00;4;Nein
109;4;Application;01.03.2024;Gutschrift;PSCM-1;30,00;30,00;4;Nein
110;2;Payment Discount;20.02.2024;Zahlung;PAY-1;-2,00;-2,00;0;Nein
111;2;Application;21.02.2024;Zahlung;PAY-1;-5,00;-5,00;3;Ja
112;2;Application;22.02.2024;Zahlung;PAY-1;5,00;5,00;3;Ja
113;5;Unrealized Loss;28.02.2024; ;ADJ;0,00;-1,00;0;Nein
114;77;Application;22.02.2024;Zahlung;PAY-9;5,00;5,00;3;Nein
""",
}


def imported(kind: str, folder: Path, texts: Texts, **options: Any) -> ImportedLedger:
    """Ledger of an extract, its files named so that a name says nothing."""
    paths = []
    for place, text in enumerate(texts.values()):
        paths.append(folder / f"export{place}.csv")
        paths[-1].write_text(text, "utf-8")
    return import_ledger(kind, reversed(paths), **options)


def settled(ledger: ImportedLedger) -> list[tuple[str | None, str, float, str]]:
    """Payments as short rows: invoice, day, amount, kind."""
    rows = ledger.payments.select("invoice_id", "payment_date", "amount", "kind").iter_rows()
    short = [(name, day.isoformat(), round(amount, 2), kind) for name, day, amount, kind in rows]
    return sorted(short, key=lambda row: (row[0] or "", row[1], row[3], row[2]))


def invoiced(ledger: ImportedLedger) -> list[tuple[str, str, str, str, float, str]]:
    """Invoices as short rows: number, customer, issued, due, amount, currency."""
    names = ("invoice_id", "customer_id", "issue_date", "due_date", "amount", "currency")
    rows = ledger.invoices.sort("invoice_id").select(names).iter_rows()
    return [
        (name, customer, issued.isoformat(), due.isoformat(), amount, code)
        for name, customer, issued, due, amount, code in rows
    ]


def told(ledger: ImportedLedger) -> dict[str, Any]:
    """Assumptions with their count, each checked to have a sentence."""
    for said in ledger.report.assumptions:
        assert phrase(f"assumption.{said.key}", "fr", **said.values)
    return {said.key: said.values.get("n") for said in ledger.report.assumptions}


def left_out(ledger: ImportedLedger) -> dict[str, int]:
    """Lines out of scope by reason, each reason checked to have a text."""
    counts: dict[str, int] = {}
    for file in ledger.report.files:
        for reason, count in file.out_of_scope.items():
            assert phrase(f"out_of_scope.{reason}", "fr")
            counts[reason] = counts.get(reason, 0) + count
    return counts


def refused(ledger: ImportedLedger) -> list[tuple[int, str | None, str, str | None]]:
    """Refused lines: number, column, rule, identifier."""
    return ledger.report.refusals.select("line", "column", "rule", "identifier").sort("line").rows()


def differences(ledger: ImportedLedger) -> dict[tuple[str, str], float]:
    """By what is compared and currency, how far the ledger is off."""
    return {(found.key, found.currency): found.difference for found in ledger.report.agreements}


def adds_up(ledger: ImportedLedger) -> bool:
    """Whether each line of each file is told once."""
    return all(
        file.read == file.used + file.refused + sum(file.out_of_scope.values())
        for file in ledger.report.files
    )


BYTES = b"\"',;.-0123456789ABCSDHITX/ \n\t\x00\xff"
EDITS = st.lists(
    st.tuples(
        st.integers(0, 10**6),
        st.sampled_from(["replace", "insert", "delete", "swap lines", "double line"]),
        st.sampled_from(BYTES),
    ),
    min_size=1,
    max_size=6,
)


def mutated(texts: Texts, edits: list[tuple[int, str, int]]) -> dict[str, bytes]:
    """The extract with some of its bytes or lines changed; which one a number says."""
    changed = {name: bytearray(text.encode()) for name, text in texts.items()}
    names = list(changed)
    for place, how, byte in edits:
        data = changed[names[place % len(names)]]
        at = (place // len(names)) % max(len(data), 1)
        lines = bytes(data).split(b"\n")
        if how == "replace":
            data[at : at + 1] = bytes([byte])
        elif how == "insert":
            data[at:at] = bytes([byte])
        elif how == "delete":
            del data[at : at + 1]
        else:
            one, other = at % len(lines), (at * 7 + byte) % len(lines)
            if how == "double line":
                lines.insert(other, lines[one])
            else:
                lines[one], lines[other] = lines[other], lines[one]
            data[:] = b"\n".join(lines)
    return {name: bytes(data) for name, data in changed.items()}


_TELLING = re.compile(r"[^\s,;\"]*\d[^\s,;\"]*")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_CELL_LETTERS_MIN = 4


def cells_told(text: str, data: Sequence[bytes]) -> set[str]:
    """Words of a sentence that hold the number, name or amount of a cell; days of rates may be told."""
    text = _DAY.sub("", text)
    lines = [line for table in data for line in table.decode("latin-1").split("\n")[1:]]
    words = {word for line in lines for word in _TELLING.findall(line)}
    hidden = {word for word in words if len(word) >= _CELL_LETTERS_MIN and not _DAY.fullmatch(word)}
    return {word for word in hidden | set(SECRETS) if re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text)}


def survives(kind: str, folder: Path, texts: dict[str, bytes], **options: Any) -> bool:
    """Whether an extract ends as a ledger that adds up or as one sentence that tells no cell."""
    paths = []
    for place, data in enumerate(texts.values()):
        paths.append(folder / f"export{place}.csv")
        paths[-1].write_bytes(data)
    try:
        ledger = import_ledger(kind, paths, **options)
    except PaydelayError as error:
        text = str(error)
        told_cells = cells_told(text, list(texts.values()))
        return "\n" not in text and "does not add up" not in text and not told_cells
    told(ledger)
    left_out(ledger)
    return adds_up(ledger)
