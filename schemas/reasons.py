"""Names of broken rules: a dead letter's `reason`, an anomaly's `kind`, a waiting fee's `reason`."""

DEAD_LETTER = {
    "not_json": "不是 JSON",
    "wrong_type": "字段类型不符或缺失",
    "unknown_type": "未知的事件类型",
    "unknown_dialect": "未知的设备格式",
    "unknown_operation": "未知的操作码",
    "unknown_site": "未知的场地",
    "unknown_outlet": "未知的网点",
    "unknown_product": "未知的产品",
    "barcode_unreadable": "条码不可读",
    "waybill_out_of_pattern": "运单号不合规则",
    "weight_out_of_range": "重量超出合理范围",
    "size_out_of_range": "尺寸超出合理范围",
    "amount_out_of_range": "金额超出合理范围",
    "time_unreadable": "时间无法识别",
    "time_in_future": "时间在未来",
    "time_too_old": "时间过早",
    "identifier_too_long": "标识过长",
    "too_many_services": "附加服务过多",
    "conflicting_duplicate": "同一编号内容不同",
    "unknown_claim": "未知的理赔或奖惩种类",
    "unknown_party": "未知的结算主体",
    "unknown_service": "未知的运输服务或月保底项目",
    "nobody_named": "没有指明责任方或受益方",
    "reserved_id": "编号保留给系统自动生成的索赔",
    "decision_incomplete": "裁决缺少重量或称重编号",
    "book_refused": "价格手册被拒绝",
    "network_refused": "网络目录被拒绝",
    "unknown_command": "未知的指令",
    "wrong_partition": "分区与键不符",
    "unknown_county": "未知的区县",
    "transfer_refused": "网点转让或合并被拒绝",
    "move_refused": "余额转移被拒绝",
    "too_many_events": "同一在库批次的事件过多",
    "cost_refused": "分拨或干线成本被拒绝",
    "close_refused": "关账或反关账被拒绝",
    "volumes_refused": "当月票数统计被拒绝",
    "recall_outdated": "调回的账目已过时",
    "recall_refused": "调回的账目与网点或费用不符",
    "unknown_channel": "未知的支付渠道",
    "unknown_merchant": "未知的商户或应用",
    "signature_missing": "缺少签名",
    "signature_wrong": "签名不符",
    "unknown_key": "未知的证书或密钥序列号",
    "decryption_failed": "解密失败",
    "stale_notification": "通知已过时效",
    "field_missing": "通知缺少字段",
    "field_unreadable": "通知字段无法识别",
    "body_unreadable": "通知报文无法识别",
    "body_too_large": "通知报文过大",
    "payment_rules_refused": "支付渠道或匹配规则被拒绝",
    "decision_refused": "支付裁决被拒绝",
    "reason_missing": "没有说明理由",
    "document_left": "单据早已结清，不能再改",
    "unknown_deduction": "扣款答复与请求不符",
}
"""Input that is kept aside with its bytes, and its label for people."""

ANSWER = {
    "unknown_party": "未知的主体",
    "unknown_item": "价目表中没有该物料",
    "insufficient_balance": "余额不足",
    "over_limit": "超出授信额度",
    "insufficient_deposit": "保证金不足",
    "no_such_hold": "没有这笔冻结",
    "hold_exceeded": "超出冻结金额",
    "too_many_holds": "冻结笔数过多",
    "amount_out_of_range": "金额超出合理范围",
}
"""Why a command on a virtual account was refused."""

ANOMALY = {
    "weight_implausible": "重量不可信",
    "place_mismatch": "地址与网点不符",
    "area_mismatch": "地址所在区县不归该网点",
    "area_unserved": "地址所在区县无网点服务",
    "service_unknown": "附加服务不在任何价格手册",
    "ended_twice": "签收与退件、转寄相矛盾",
}
"""Input that was used, but that someone should look at."""

WAITING = {
    "no_order": "缺少订单",
    "no_weight": "缺少重量",
    "no_price": "没有价格",
    "no_claim": "撤销在先，缺少理赔或奖惩",
    "no_pickup": "已签收而无揽收",
    "abandoned": "长期无后续，不再等待",
    "weight_undecided": "称重差异待裁决",
    "no_directory": "缺少网络目录",
    "no_opening": "缺少入库",
    "no_measure": "缺少板数、体积或重量",
}
"""Why a fee that is due cannot be rated yet, or was given up."""

BILL = {
    "bill_unreadable": "账单无法识别",
    "bill_truncated": "账单不完整",
    "bill_hash_wrong": "账单摘要不符",
    "bill_total_wrong": "账单合计不符",
    "bill_count_wrong": "账单笔数不符",
    "bill_too_large": "账单过大",
    "bill_of_another": "账单属于其他商户或日期",
}
"""Why a channel's bill is not believed."""

EXCEPTION = {
    "unknown_payment": "来款无对应单据",
    "ambiguous": "多种匹配同样合理",
    "amount_over": "多付",
    "amount_under": "少付",
    "duplicate_payment": "重复支付",
    "currency_mismatch": "币种不符",
    "refund_orphan": "退款单边",
    "refund_over": "退款超过原支付",
    "cancelled_paid": "已取消单据收到款项",
    "too_complex": "组合过多，未能判定",
    "conflicting_states": "同一支付前后内容不符",
    "long": "长款：账单有，我方无",
    "short": "短款：我方有，账单无",
    "bill_amount": "账单金额不符",
    "bill_status": "账单状态不符",
    "bill_currency": "账单币种不符",
    "bill_duplicate": "账单重复入账",
    "bill_fee": "手续费不符",
    "cut_off": "日切差异",
    "bill_refused": "账单被拒绝",
    "bill_missing": "账单未到",
    "deduction_refused": "账户扣款未成功",
}
"""What a person may have to look at about payments: an exception's `kind`."""

CLOSE = {
    "already_closed": "该期间已结账",
    "not_over": "期间尚未结束，或仍有款项待判定",
    "earlier_open": "之前有业务的日子尚未结账",
    "days_open": "期间内的日子尚未全部日结",
    "bill_missing": "账单未到",
    "exception_open": "未列明的差异",
    "not_standing": "没有这项有效的结账",
    "same_person": "反结账须由结账人以外的人提出",
    "later_close": "须先反结之后的结账",
    "too_long_ago": "期间过早",
}
"""What a close, or its undoing, lacks."""
