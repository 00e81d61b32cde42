SELECT formatQuerySingleLine({statement:String})
